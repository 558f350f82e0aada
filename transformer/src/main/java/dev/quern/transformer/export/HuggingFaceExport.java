package dev.quern.transformer.export;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.AtomicFolder;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.type.DType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.compress.Quantization;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Classifier;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.families.Encoder;
import dev.quern.transformer.families.Families;
import dev.quern.transformer.families.Family;
import dev.quern.transformer.families.TorchType;
import dev.quern.transformer.families.Weights;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.tokenizer.SpecialRole;
import dev.quern.transformer.tokenizer.TokenizerSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Writes a model's folder anew, so that Transformers opens it with {@code from_pretrained}: the
 * settings with the model's class and its special tokens, the weights in one safetensors file (or
 * shards of 5 GB), the tokenizer with the roles of its special tokens. What a training run keeps
 * beside that stays behind.
 *
 * @param type the element type of the weights, F32, F16 or BF16; null for that of the folder's own
 */
public record HuggingFaceExport(@Nullable DType type) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final long SHARD_BYTES = 5_000_000_000L;
  private static final Set<DType> TYPES = Set.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16);
  private static final Map<SpecialRole, String> ID_KEYS =
      new EnumMap<>(
          Map.of(
              SpecialRole.BOS, "bos_token_id",
              SpecialRole.EOS, "eos_token_id",
              SpecialRole.PAD, "pad_token_id"));
  private static final List<String> COPIED =
      List.of(
          "tokenizer.json",
          "generation_config.json",
          "chat_template.jinja",
          ModelCard.FILE_NAME,
          "README.md",
          "LICENSE");

  /**
   * What was done.
   *
   * @param bytes size of all files
   * @param files names of what was written, sorted
   */
  public record Report(long bytes, List<String> files) {
    /** Copies the list. */
    public Report {
      files = List.copyOf(files);
    }
  }

  /**
   * Checks the type.
   *
   * @throws NotSupportedException if it is a block type, which safetensors does not have
   */
  public HuggingFaceExport {
    if (type != null && !TYPES.contains(type)) {
      throw new NotSupportedException(
          "[export] a Hugging Face folder can't hold "
              + type.name()
              + "; take one of F32, F16, BF16, or a GGUF file");
    }
  }

  /**
   * Writes a folder. It appears whole or not at all.
   *
   * @param engine its threads do the work
   * @param folder a Hugging Face folder, with or without a tokenizer
   * @param out the folder to write; must not exist, or be empty
   * @param eachTensor told of each tensor as it is begun
   * @return what was done
   * @throws FormatException if the folder is damaged, or {@code out} has something in it
   * @throws NotSupportedException if its family is not supported, or it is a GGUF file
   * @throws UncheckedIOException if it can't be read, or the new one not be written
   */
  public Report run(Engine engine, Path folder, Path out, Consumer<String> eachTensor) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      if (checkpoint.format() != Checkpoint.Format.HUGGING_FACE) {
        throw new NotSupportedException(
            "[export] " + folder + ": a GGUF file can't become a folder; give the model's folder");
      }
      checkIsFree(out);
      Path target =
          parentOf(out).resolve(String.valueOf(out.toAbsolutePath().normalize().getFileName()));
      AtomicFolder.write(target, temporary -> write(engine, checkpoint, temporary, eachTensor));
      return report(target);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + out + ": " + e.getMessage(), e);
    }
  }

  private static Path parentOf(Path out) throws IOException {
    Path parent = out.toAbsolutePath().normalize().getParent();
    if (parent == null) {
      throw new IOException("it is the root of a file system");
    }
    return Files.createDirectories(parent);
  }

  private static void checkIsFree(Path out) throws IOException {
    if (!Files.exists(out)) {
      return;
    }
    boolean free = false;
    if (Files.isDirectory(out)) {
      try (Stream<Path> inside = Files.list(out)) {
        free = inside.findAny().isEmpty();
      }
    }
    if (!free) {
      throw new FormatException(
          "[export] " + out + ": there is something already; give a new or an empty folder");
    }
  }

  private void write(Engine engine, Checkpoint from, Path temporary, Consumer<String> eachTensor)
      throws IOException {
    Family family;
    try (Weights weights = new Weights(engine, from)) {
      family = Families.load(weights); // checks names, shapes and settings
    }
    Map<SpecialRole, Integer> roles = ConfiguredRoles.of(from);
    if (Files.isRegularFile(from.path().resolve("tokenizer.json"))) {
      int context = contextLength(family);
      TokenizerSettings settings =
          TokenizerSettings.of(from.path(), roles, context, family instanceof Decoder);
      text(temporary.resolve("tokenizer_config.json"), settings.toJson());
      roles = settings.roles();
    }
    text(temporary.resolve("config.json"), config(from, family, roles));
    weights(engine, from, eachTensor).writeFolder(temporary, SHARD_BYTES);
    for (String name : COPIED) {
      Path file = from.path().resolve(name);
      if (Files.isRegularFile(file)) {
        Files.copy(file, temporary.resolve(name));
      }
    }
  }

  private SafetensorsWriter weights(Engine engine, Checkpoint from, Consumer<String> eachTensor) {
    SafetensorsWriter writer = new SafetensorsWriter().put("format", "pt");
    TensorFile file = from.tensors();
    for (String name : file.names()) {
      TensorSpec spec = file.spec(name);
      DType target = target(spec.dtype());
      writer.tensor(
          name,
          new TensorSpec(target, spec.shape()),
          sink -> {
            eachTensor.accept(name);
            Quantization.converted(
                    engine,
                    file.path().toString(),
                    name,
                    () -> engine.wrap(file.storage(name), spec),
                    target)
                .writeTo(sink);
          });
    }
    return writer;
  }

  private DType target(DType own) {
    return type == null || !own.isFloating() ? own : type;
  }

  /** The folder's settings, and what Transformers would guess wrongly without being told. */
  private String config(Checkpoint from, Family family, Map<SpecialRole, Integer> roles)
      throws IOException {
    Path file = from.path().resolve("config.json");
    if (!(MAPPER.readTree(file.toFile()) instanceof ObjectNode config)) {
      throw new FormatException(file + ": it must hold a JSON object");
    }
    if (!config.hasNonNull("architectures")) {
      config.putArray("architectures").add(className(from, family));
    }
    TensorFile weights = from.tensors();
    ScalarType type =
        TorchType.of(weights.names().stream().map(n -> target(weights.spec(n).dtype())).toList());
    TorchType.entries(config::has, type).forEach(config::put);
    // A class's own defaults are ids of another vocabulary.
    ID_KEYS.forEach(
        (role, key) -> {
          Integer id = roles.get(role);
          if (!config.has(key)) {
            config.put(key, id);
          }
        });
    return config.toPrettyString() + "\n";
  }

  private static String className(Checkpoint from, Family family) {
    String name =
        switch (from.architecture()) {
          case "llama" -> "Llama";
          case "mistral" -> "Mistral";
          case "gpt2" -> "GPT2";
          case "bert" -> "Bert";
          default ->
              throw new NotSupportedException(
                  "[export] "
                      + from.path()
                      + ": the class of family '"
                      + from.architecture()
                      + "' is not known; name it in config.json's 'architectures'");
        };
    return switch (family) {
      case Decoder _ -> name + (name.equals("GPT2") ? "LMHeadModel" : "ForCausalLM");
      case Classifier _ -> name + "ForSequenceClassification";
      case Encoder e when e.hasLogits() -> name + "ForMaskedLM";
      default -> name + "Model";
    };
  }

  private static int contextLength(Family family) {
    return switch (family) {
      case Decoder d -> d.dimensions().contextLength();
      case Classifier c -> c.dimensions().contextLength();
      case Encoder e -> e.dimensions().contextLength();
      default -> 0;
    };
  }

  private static void text(Path file, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(bytes));
  }

  private static Report report(Path folder) throws IOException {
    long bytes = 0;
    List<String> names = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        bytes += Files.size(file);
        names.add(String.valueOf(file.getFileName()));
      }
    }
    return new Report(bytes, names);
  }
}
