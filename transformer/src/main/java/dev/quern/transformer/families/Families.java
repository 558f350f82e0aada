package dev.quern.transformer.families;

import dev.quern.core.type.NotSupportedException;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;

/** The families there are, by the architecture that a checkpoint names. */
public final class Families {
  private static final Map<String, Function<Weights, Family>> LOADERS =
      new TreeMap<>(
          Map.of(
              "llama", Llama::load,
              "mistral", Llama::load,
              "gpt2", Gpt2::load,
              "bert", BertClassifier::loadAny));

  private static final Map<String, Function<ModelShape, Map<String, Object>>> NEW =
      new TreeMap<>(
          Map.of("llama", Llama::settings, "gpt2", Gpt2::settings, "bert", Bert::settings));

  private Families() {}

  /**
   * The families of which new models can be made.
   *
   * @return their names
   */
  public static Set<String> trainable() {
    return Collections.unmodifiableSet(NEW.keySet());
  }

  /** The settings of a new model, as its {@code config.json} has them. */
  static Map<String, Object> settings(String family, ModelShape shape) {
    Function<ModelShape, Map<String, Object>> settings = NEW.get(family);
    if (settings == null) {
      throw new NotSupportedException(
          "[model] no new model of family '"
              + family
              + "' can be made; there are "
              + String.join(", ", NEW.keySet()));
    }
    return settings.apply(shape);
  }

  /**
   * Loads a model of any family.
   *
   * @param weights of a checkpoint; they stay open while the model is used
   * @return a {@link Decoder}, an {@link Encoder} or a {@link Classifier}
   * @throws NotSupportedException if there is no such family; names those there are; or if the
   *     folder's weights are quantised
   * @throws dev.quern.core.type.FormatException if settings or tensors are missing or wrong
   */
  public static Family load(Weights weights) {
    String architecture = weights.checkpoint().architecture();
    Function<Weights, Family> loader = LOADERS.get(architecture);
    if (loader == null) {
      throw new NotSupportedException(
          weights.checkpoint().path()
              + ": architecture '"
              + architecture
              + "' is not supported; there are "
              + String.join(", ", LOADERS.keySet()));
    }
    Settings settings = weights.checkpoint().settings();
    if (weights.checkpoint().format() == Checkpoint.Format.HUGGING_FACE
        && settings.has("quantization_config")) {
      throw new NotSupportedException(
          settings.source()
              + ": it has a 'quantization_config'; quantised folders are not supported, take the"
              + " original weights or a GGUF file");
    }
    return loader.apply(weights);
  }
}
