package dev.quern.transformer.families;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Puts a classifier of sequences that is yet to be trained on an encoder that is, as Transformers'
 * {@code AutoModelForSequenceClassification} does: the encoder's weights stay as they are, its
 * pooler too if it has one, other heads are left behind.
 */
public final class NewClassifier {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final String ROOT = "bert.";
  private static final String WORDS = "embeddings.word_embeddings.weight";
  private static final double USUAL_DEVIATION = 0.02;

  private NewClassifier() {}

  /**
   * Writes the settings and weights of the classifier.
   *
   * @param engine makes the new weights
   * @param encoder a BERT in a Hugging Face folder, with or without a head
   * @param folder exists
   * @param labels names of the classes, at least 2
   * @param seed the same one gives the same bytes on every machine
   * @return the names of the tensors that are new: normal with the deviation that the settings'
   *     {@code initializer_range} says, biases zero
   * @throws NotSupportedException if it is no BERT in a folder
   * @throws UncheckedIOException if that fails
   */
  public static List<String> write(
      Engine engine, Checkpoint encoder, Path folder, List<String> labels, long seed) {
    if (encoder.format() != Checkpoint.Format.HUGGING_FACE
        || !encoder.architecture().equals("bert")) {
      throw new NotSupportedException(
          encoder.path()
              + ": family '"
              + encoder.architecture()
              + "' gets no classifier of sequences; take a BERT in a Hugging Face folder");
    }
    if (labels.size() < 2) {
      throw new QuernException(
          "[model] a classifier has at least 2 labels, got " + labels + "; name them");
    }
    TensorFile file = encoder.tensors();
    String root = file.contains(WORDS) ? "" : ROOT;
    SafetensorsWriter writer = new SafetensorsWriter().put("format", "pt");
    List<DType> types = new ArrayList<>();
    for (String name : file.names()) {
      boolean ofEncoder = name.startsWith(root) && !name.startsWith("cls.");
      if (ofEncoder && file.spec(name).dtype().isFloating()) {
        TensorSpec spec = file.spec(name);
        types.add(spec.dtype());
        writer.tensor(
            ROOT + name.substring(root.length()),
            spec,
            file.storage(name).segment().asSlice(0, spec.byteSize()));
      }
    }
    long dim = file.spec(root + WORDS).shape().dim(1);
    List<String> made = new ArrayList<>();
    try (TensorScope _ = TensorScope.open("new classifier")) {
      Fresh fresh =
          new Fresh(
              NewModel.onHost(engine),
              writer,
              WeightInitializer.normal(
                  encoder.settings().number("initializer_range", USUAL_DEVIATION), 1),
              seed,
              made);
      if (!file.contains(root + "pooler.dense.weight")) {
        fresh.linear(ROOT + "pooler.dense", dim, dim);
      }
      fresh.linear("classifier", labels.size(), dim);
      made.forEach(_ -> types.add(ScalarType.F32));
      writer.write(folder.resolve(SafetensorsFolder.SINGLE));
    }
    settings(encoder.path().resolve("config.json"), folder, labels, types);
    return made;
  }

  /** New weights, noted by name. */
  private record Fresh(
      Engine engine,
      SafetensorsWriter writer,
      WeightInitializer initializer,
      long seed,
      List<String> made) {
    void linear(String prefix, long out, long in) {
      tensor(prefix + ".weight", Shape.of(out, in));
      tensor(prefix + ".bias", Shape.of(out));
    }

    private void tensor(String name, Shape shape) {
      Tensor t = initializer.values(engine, name, shape, NewModel.seedOf(seed, name)).contiguous();
      writer.tensor(name, t.spec(), NewModel.bytes(t));
      made.add(name);
    }
  }

  private static void settings(Path from, Path folder, List<String> labels, List<DType> types) {
    try {
      if (!(MAPPER.readTree(Files.readAllBytes(from)) instanceof ObjectNode config)) {
        throw new FormatException(from + ": it must hold a JSON object");
      }
      config.putArray("architectures").add("BertForSequenceClassification");
      config.remove(List.of("num_labels", "problem_type"));
      ObjectNode names = config.putObject("id2label");
      ObjectNode ids = config.putObject("label2id");
      for (int i = 0; i < labels.size(); i++) {
        names.put(String.valueOf(i), labels.get(i));
        ids.put(labels.get(i), i);
      }
      TorchType.entries(config::has, TorchType.of(types)).forEach(config::put);
      byte[] bytes = (config.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8);
      AtomicFile.write(folder.resolve("config.json"), sink -> sink.write(bytes));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + from + ": " + e.getMessage(), e);
    }
  }
}
