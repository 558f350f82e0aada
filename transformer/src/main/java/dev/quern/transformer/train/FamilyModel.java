package dev.quern.transformer.train;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.Device;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Classifier;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.families.Encoder;
import dev.quern.transformer.families.Families;
import dev.quern.transformer.families.Family;
import dev.quern.transformer.families.NewClassifier;
import dev.quern.transformer.families.TorchType;
import dev.quern.transformer.families.TrainedWeight;
import dev.quern.transformer.families.Weights;
import dev.quern.transformer.layers.AttentionContext;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.model.Task;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A model of a family, trained from a Hugging Face folder: a new one ({@link
 * dev.quern.transformer.families.NewModel}), a published one, or a checkpoint.
 *
 * <p>The family is composed anew wherever {@link #forward} is recorded, over the same buffers, so
 * that a gradient tape sees the views of weights that a family makes.
 */
public final class FamilyModel implements TrainableModel {
  private static final String SETTINGS = "config.json";
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private final Checkpoint checkpoint;
  private final Weights weights;
  private final Map<String, Buffer> parameters = new LinkedHashMap<>();
  private final Map<String, byte[]> descriptions; // the folder may be gone when the model is saved
  private final List<String> labels;
  private final String family;
  private final Task task;
  private final int contextLength;

  private FamilyModel(Checkpoint checkpoint, Weights weights) {
    this.checkpoint = checkpoint;
    this.weights = weights;
    this.descriptions = descriptions(checkpoint.path());
    Family loaded = Families.load(weights);
    this.labels = loaded instanceof Classifier c ? c.labels() : List.of();
    this.family = loaded.family();
    this.task =
        switch (loaded) {
          case Decoder _ -> Task.TEXT_GENERATION;
          case Classifier _ -> Task.TEXT_CLASSIFICATION;
          case Encoder e when e.hasLogits() -> Task.MASK_FILLING;
          default -> Task.TEXT_EMBEDDING;
        };
    this.contextLength =
        switch (loaded) {
          case Decoder d -> d.dimensions().contextLength();
          case Classifier c -> c.dimensions().contextLength();
          case Encoder e -> e.dimensions().contextLength();
          default -> Integer.MAX_VALUE;
        };
    weights.trained().forEach(w -> parameters.put(w.name(), w.buffer()));
  }

  /**
   * Opens a folder to train all its weights.
   *
   * @param engine runs it
   * @param folder a Hugging Face folder
   * @return the model, to be closed
   */
  public static FamilyModel open(Engine engine, Path folder) {
    return open(engine, folder, _ -> true);
  }

  /**
   * Opens a folder to train some of its weights.
   *
   * @param engine runs it
   * @param folder a Hugging Face folder
   * @param training which weights are trained, by the names in the folder; the others stay mapped,
   *     and cost nothing in the backward pass
   * @return the model, to be closed
   * @throws NotSupportedException if it is no folder, or of a family there is not
   */
  public static FamilyModel open(Engine engine, Path folder, Predicate<String> training) {
    Checkpoint checkpoint = Checkpoint.open(folder);
    Weights weights = null;
    try {
      if (checkpoint.format() != Checkpoint.Format.HUGGING_FACE) {
        throw new NotSupportedException(
            folder + ": training begins with a Hugging Face folder; this is a GGUF file");
      }
      weights = new Weights(engine, checkpoint, training);
      return new FamilyModel(checkpoint, weights);
    } catch (RuntimeException e) {
      if (weights != null) {
        weights.close();
      }
      checkpoint.close();
      throw e;
    }
  }

  /**
   * Which family it is of.
   *
   * @return its name, such as {@code llama}
   */
  public String family() {
    return family;
  }

  /**
   * What its outputs are for.
   *
   * @return {@link Task#TEXT_EMBEDDING} for an encoder without a head, which has no logits
   */
  public Task task() {
    return task;
  }

  /**
   * How many tokens a sequence may have.
   *
   * @return at least 1
   */
  public int contextLength() {
    return contextLength;
  }

  /**
   * What a classifier's logits are for.
   *
   * @return the labels' names in their order; none for other models
   */
  public List<String> labels() {
    return labels;
  }

  @Override
  public Map<String, Buffer> parameters() {
    return Collections.unmodifiableMap(parameters);
  }

  /**
   * {@link #LOGITS}: of the tokens [batch, length, vocabulary], or of the classes [batch, labels].
   *
   * @param batch {@code input_ids}, and if it has them {@code attention_mask} (padding at the end),
   *     {@code position_ids}, and of packed examples {@code segment_ids}, which attention does not
   *     cross
   * @param mode what training adds
   * @return F32, by name
   * @throws NotSupportedException if the batch has packed examples and the model is no decoder, or
   *     the model has no such head
   */
  @Override
  public Map<String, Tensor> forward(Map<String, Tensor> batch, TrainingMode mode) {
    Tensor ids = field(batch, Batch.INPUT_IDS);
    Tensor mask = batch.get(Batch.ATTENTION_MASK);
    Tensor lengths = mask == null ? null : mask.sum(false, 1).cast(ScalarType.I32);
    Family family = Families.load(weights);
    if (batch.containsKey(Batch.SEGMENT_IDS) && !(family instanceof Decoder)) {
      throw new NotSupportedException(
          "[train] family '"
              + family.family()
              + "' can't keep packed examples apart; pad them instead");
    }
    Tensor logits =
        switch (family) {
          case Decoder d -> d.logits(d.forward(ids, context(batch, ids, lengths, mode), List.of()));
          case Classifier c -> c.classify(ids, null, lengths, mode);
          case Encoder e -> e.logits(e.forward(ids, null, lengths, mode));
          default ->
              throw new NotSupportedException(
                  "[train] family '" + family.family() + "' is neither a decoder nor an encoder");
        };
    return Map.of(LOGITS, logits);
  }

  private static AttentionContext context(
      Map<String, Tensor> batch, Tensor ids, @Nullable Tensor lengths, TrainingMode mode) {
    if (batch.containsKey(Batch.SEGMENT_IDS)) {
      return AttentionContext.packed(
              field(batch, Batch.POSITION_IDS), field(batch, Batch.SEGMENT_IDS))
          .with(mode);
    }
    Tensor positions = batch.get(Batch.POSITION_IDS);
    AttentionContext context =
        positions == null
            ? AttentionContext.whole(ids, lengths)
            : new AttentionContext(positions, null, lengths, null);
    return context.with(mode);
  }

  private static Tensor field(Map<String, Tensor> batch, String name) {
    Tensor t = batch.get(name);
    if (t == null) {
      throw new TrainingException(
          "[train] the batch has no field '" + name + "'; it has " + batch.keySet());
    }
    return t;
  }

  /**
   * Writes a Hugging Face folder: {@code model.safetensors} with the trained weights in F32 and the
   * others as they were, and the files of settings, which name the type of the weights, and
   * tokenizer.
   */
  @Override
  public void save(Path folder) {
    Map<String, TrainedWeight> trained = new HashMap<>();
    weights.trained().forEach(w -> trained.put(w.name(), w));
    TensorFile file = checkpoint.tensors();
    try (TensorScope _ = TensorScope.open("save")) {
      SafetensorsWriter writer = new SafetensorsWriter().put("format", "pt");
      List<DType> types = new ArrayList<>();
      for (String name : file.names()) {
        TrainedWeight w = trained.get(name);
        if (w == null) {
          TensorSpec spec = file.spec(name);
          types.add(spec.dtype());
          writer.tensor(name, spec, file.storage(name).segment().asSlice(0, spec.byteSize()));
        } else {
          Tensor value = w.buffer().value();
          value = w.transposed() ? value.transpose().contiguous() : value;
          types.add(value.dtype());
          writer.tensor(name, value.spec(), bytes(value));
        }
      }
      writer.write(folder.resolve(SafetensorsFolder.SINGLE));
      descriptions.forEach(
          (name, bytes) -> {
            byte[] now = name.equals(SETTINGS) ? named(bytes, TorchType.of(types)) : bytes;
            AtomicFile.write(folder.resolve(name), sink -> sink.write(now));
          });
    }
  }

  /**
   * Writes the folder of a classifier of sequences on this encoder, whose head is yet to be
   * trained; weights are as they were opened.
   *
   * @param folder exists, and is empty
   * @param names of the classes, at least 2
   * @param seed of the new weights
   * @return the names of the weights that are new
   * @throws NotSupportedException if it is no BERT
   */
  public List<String> saveAsClassifier(Path folder, List<String> names, long seed) {
    List<String> made = NewClassifier.write(weights.engine(), checkpoint, folder, names, seed);
    descriptions.forEach(
        (name, bytes) -> {
          if (!name.equals(SETTINGS)) {
            AtomicFile.write(folder.resolve(name), sink -> sink.write(bytes));
          }
        });
    return made;
  }

  /** The settings with the element type that the weights have now. */
  private static byte[] named(byte[] settings, ScalarType type) {
    try {
      if (MAPPER.readTree(settings) instanceof ObjectNode config
          && TorchType.differs(key -> config.path(key).asText(), type)) {
        TorchType.entries(config::has, type).forEach(config::put);
        return (config.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
      }
      return settings;
    } catch (IOException e) {
      throw new UncheckedIOException(SETTINGS + " was readable before: " + e.getMessage(), e);
    }
  }

  private static Map<String, byte[]> descriptions(Path folder) {
    Map<String, byte[]> all = new LinkedHashMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path p : files.filter(FamilyModel::describes).sorted().toList()) {
        all.put(p.getFileName().toString(), Files.readAllBytes(p));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + folder + ": " + e.getMessage(), e);
    }
    return all;
  }

  /** The bytes of a tensor without gaps, copied to the host if they are elsewhere. */
  static MemorySegment bytes(Tensor t) {
    TensorView view = t.to(Device.CPU).view();
    return view.segment().asSlice(view.offsetBytes(), t.spec().byteSize());
  }

  /** Files beside the weights: settings, tokenizer, licence. */
  private static boolean describes(Path p) {
    String name = p.getFileName().toString();
    boolean kind =
        name.endsWith(".json")
            || name.endsWith(".txt")
            || name.endsWith(".model")
            || name.endsWith(".md");
    return kind
        && Files.isRegularFile(p)
        && !name.equals(SafetensorsFolder.INDEX)
        && !name.equals(ModelCard.FILE_NAME)
        && !name.equals(RunCheckpoints.STATE)
        && !name.equals(RunCheckpoints.SUMS);
  }

  @Override
  public void close() {
    weights.close();
    checkpoint.close();
  }
}
