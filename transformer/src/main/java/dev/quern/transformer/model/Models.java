package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.type.DType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Classifier;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.families.Encoder;
import dev.quern.transformer.families.Families;
import dev.quern.transformer.families.Family;
import dev.quern.transformer.families.Settings;
import dev.quern.transformer.families.Weights;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.Tokenizers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Opens models. */
public final class Models {
  private static final Set<String> WIDE = Set.of("F32", "F64");

  private Models() {}

  /**
   * Opens a model with the defaults.
   *
   * @param path a GGUF file, or a Hugging Face folder (config.json, safetensors, tokenizer.json)
   * @return the model, to be closed
   * @throws FormatException if it is neither, or damaged
   * @throws dev.quern.core.type.NotSupportedException if its architecture, or what its settings ask
   *     for, is not supported
   */
  public static Model open(Path path) {
    return open(path, ModelOptions.DEFAULT);
  }

  /**
   * Opens a model.
   *
   * @param path a GGUF file, or a Hugging Face folder (config.json, safetensors, tokenizer.json)
   * @param options engine, cache, tokenizer
   * @return a {@link CausalLanguageModel}, a {@link ClassifierModel} or an {@link EncoderModel}, to
   *     be closed
   * @throws FormatException if it is neither, or damaged
   * @throws dev.quern.core.type.NotSupportedException if its architecture, or what its settings ask
   *     for, is not supported
   */
  public static Model open(Path path, ModelOptions options) {
    Checkpoint checkpoint = null;
    Engine engine = null;
    Weights weights = null;
    try {
      checkpoint = Checkpoint.open(path);
      engine = options.openEngine();
      weights = new Weights(engine, checkpoint);
      Family family = Families.load(weights);
      Tokenizer tokenizer = options.withTokenizer() ? tokenizer(checkpoint) : null;
      LoadedModel.Parts parts =
          new LoadedModel.Parts(engine, options.engine() == null, checkpoint, weights, tokenizer);
      return switch (family) {
        case Decoder d ->
            new CausalLanguageModel(
                parts,
                card(checkpoint, d.family(), Task.TEXT_GENERATION),
                d,
                cacheDType(options, engine, checkpoint));
        case Classifier c ->
            new ClassifierModel(parts, card(checkpoint, c.family(), Task.TEXT_CLASSIFICATION), c);
        case Encoder e -> {
          Task task = e.hasLogits() ? Task.MASK_FILLING : Task.TEXT_EMBEDDING;
          yield new EncoderModel(
              parts, card(checkpoint, e.family(), task), e, Pooling.of(checkpoint));
        }
        default ->
            throw new IllegalStateException(
                "family '" + family.family() + "' is no Decoder, Classifier or Encoder");
      };
    } catch (RuntimeException e) {
      LoadedModel.close(options.engine() == null ? engine : null, checkpoint, weights);
      throw e;
    }
  }

  /**
   * Opens the model that comes with Quern for a task.
   *
   * @param task {@link Task#TEXT_GENERATION} or {@link Task#TEXT_CLASSIFICATION}
   * @return the model, to be closed
   * @throws dev.quern.core.type.NotSupportedException if there is none for the task
   * @throws java.io.UncheckedIOException if it can't be unpacked; says where and why
   */
  public static Model openDefault(Task task) {
    return openDefault(task, ModelOptions.DEFAULT);
  }

  /**
   * Opens the model that comes with Quern for a task.
   *
   * @param task {@link Task#TEXT_GENERATION} or {@link Task#TEXT_CLASSIFICATION}
   * @param options engine, cache, tokenizer
   * @return the model, to be closed
   * @throws dev.quern.core.type.NotSupportedException if there is none for the task
   * @throws java.io.UncheckedIOException if it can't be unpacked; says where and why
   */
  public static Model openDefault(Task task, ModelOptions options) {
    return open(defaultPath(task), options);
  }

  /**
   * The GGUF file of the model that comes with Quern for a task. From a jar it is unpacked first,
   * once, into the folder of {@code -Dquern.cache.dir}, else the user's cache.
   *
   * @param task {@link Task#TEXT_GENERATION} or {@link Task#TEXT_CLASSIFICATION}
   * @return the file, not to be changed
   * @throws dev.quern.core.type.NotSupportedException if there is none for the task
   * @throws java.io.UncheckedIOException if it can't be unpacked; says where and why
   */
  public static Path defaultPath(Task task) {
    return DefaultModels.path(task);
  }

  /**
   * Opens a model that generates text.
   *
   * @param path a GGUF file, or a Hugging Face folder (config.json, safetensors, tokenizer.json)
   * @param options engine, cache, tokenizer
   * @return the model, to be closed
   * @throws FormatException if it is neither, or damaged
   * @throws dev.quern.core.type.NotSupportedException if its architecture is not supported, or it
   *     is no causal language model
   */
  public static CausalLanguageModel openCausal(Path path, ModelOptions options) {
    Model model = open(path, options);
    try {
      return CausalLanguageModel.of(model);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  /**
   * Opens a model's tokenizer alone.
   *
   * @param path a GGUF file, of which the vocabulary will do, or a folder with {@code
   *     tokenizer.json}
   * @return the tokenizer
   * @throws FormatException if it is neither, or damaged
   * @throws dev.quern.core.type.NotSupportedException if its kind is not supported
   */
  public static Tokenizer openTokenizer(Path path) {
    if (Files.isDirectory(path)) {
      return Tokenizers.fromFolder(path);
    }
    if (!Files.exists(path)) {
      throw new FormatException(
          path + ": no such file or folder; give a GGUF file or a Hugging Face folder");
    }
    try (GgufFile file = GgufFile.open(path)) {
      return Tokenizers.fromGguf(file);
    }
  }

  private static Tokenizer tokenizer(Checkpoint checkpoint) {
    GgufFile file = checkpoint.gguf();
    return file == null ? Tokenizers.fromFolder(checkpoint.path()) : Tokenizers.fromGguf(file);
  }

  /** The type that was asked for, or F16 where weights have 16 bits or fewer and may be rounded. */
  private static DType cacheDType(ModelOptions options, Engine engine, Checkpoint checkpoint) {
    DType asked = options.cacheDType();
    if (asked != null) {
      return asked;
    }
    boolean wide = WIDE.contains(checkpoint.mainType());
    return wide || engine.precision() == Precision.EXACT ? ScalarType.F32 : ScalarType.F16;
  }

  private static ModelCard card(Checkpoint checkpoint, String family, Task task) {
    Optional<ModelCard> own = ModelCard.in(checkpoint);
    if (own.isPresent()) {
      return own.get().with(family, task);
    }
    Settings s = checkpoint.settings();
    boolean gguf = checkpoint.format() == Checkpoint.Format.GGUF;
    String version = s.text(gguf ? "general.version" : "version", "0.0.0");
    return new ModelCard(
        ModelCard.nameOf(checkpoint),
        version.matches("\\d+\\.\\d+\\.\\d+") ? version : "0.0.0",
        family,
        task,
        optional(s, "general.license"),
        null,
        Map.of(),
        new ModelCard.Lineage(optional(s, "general.base_model.0.name"), List.of(), null));
  }

  private static @Nullable String optional(Settings s, String key) {
    String text = s.text(key, "");
    return text.isEmpty() ? null : text;
  }
}
