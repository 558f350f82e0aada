package dev.quern.transformer.families;

import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.layers.Rope;
import dev.quern.transformer.layers.RopeFrequencies;

/** Rotary embeddings as checkpoints describe them. */
final class RopeSettings {
  private RopeSettings() {}

  /**
   * The rotary embedding of a checkpoint.
   *
   * @param w its weights; in a GGUF file {@code rope_freqs.weight} scales the frequencies
   * @param headDim extent of a head
   * @param interleaved whether rotary pairs are neighbours
   * @throws dev.quern.core.type.FormatException if a setting is wrong
   * @throws NotSupportedException if it asks for a scaling there is not
   */
  static Rope load(Weights w, int headDim, boolean interleaved) {
    boolean gguf = w.checkpoint().format() == Checkpoint.Format.GGUF;
    double[] f = gguf ? fromGguf(w, headDim) : fromJson(w.checkpoint().settings(), headDim);
    return new Rope(w.keep(w.engine().tensor(RopeFrequencies.toFloats(f))), interleaved);
  }

  private static double[] fromGguf(Weights w, int headDim) {
    Settings s = w.checkpoint().settings();
    String p = w.checkpoint().architecture() + ".rope.";
    int rotated = s.positive(p + "dimension_count", headDim);
    double[] f = RopeFrequencies.standard(rotated, s.number(p + "freq_base", 10_000));
    String scaling = s.text(p + "scaling.type", "none");
    double factor = s.number(p + "scaling.factor", s.number(p + "scale_linear", 1));
    switch (scaling) {
      case "none" -> {}
      case "linear" -> f = RopeFrequencies.linear(f, factor);
      default -> throw unknownScaling(s, scaling);
    }
    return w.contains("rope_freqs.weight")
        ? RopeFrequencies.divide(f, w.f32("rope_freqs.weight", rotated / 2).toFloats())
        : f;
  }

  private static double[] fromJson(Settings s, int headDim) {
    boolean newStyle = s.has("rope_parameters");
    Settings scaling = s.object(newStyle ? "rope_parameters" : "rope_scaling");
    double theta = (newStyle ? scaling : s).number("rope_theta", 10_000);
    double[] f = RopeFrequencies.standard(headDim, theta);
    String type = scaling.text("rope_type", scaling.text("type", "default"));
    return switch (type) {
      case "default" -> f;
      case "linear" -> RopeFrequencies.linear(f, scaling.number("factor"));
      case "llama3" ->
          RopeFrequencies.llama3(
              f,
              scaling.number("factor"),
              scaling.number("low_freq_factor"),
              scaling.number("high_freq_factor"),
              scaling.number("original_max_position_embeddings"));
      default -> throw unknownScaling(scaling, type);
    };
  }

  private static NotSupportedException unknownScaling(Settings s, String type) {
    return new NotSupportedException(
        s.source()
            + ": rotary scaling \""
            + type
            + "\" is not supported; there are none, linear, llama3 and stored factors");
  }
}
