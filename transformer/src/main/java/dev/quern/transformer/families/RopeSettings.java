package dev.quern.transformer.families;

import dev.quern.core.type.FormatException;
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
   * @throws FormatException if a setting is wrong
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
    // As llama.cpp reads them: a factor without a type is linear, and a factor of 0 is none.
    String scaling = s.text(p + "scaling.type", "linear");
    String factorKey = s.has(p + "scaling.factor") ? p + "scaling.factor" : p + "scale_linear";
    switch (scaling) {
      case "none" -> {}
      case "linear" -> {
        if (s.number(factorKey, 0) != 0) {
          f = RopeFrequencies.linear(f, factor(s, factorKey));
        }
      }
      default -> throw unknownScaling(s, scaling);
    }
    if (s.number(p + "scaling.attn_factor", 1) != 1) {
      throw new NotSupportedException(
          s.source()
              + ": '"
              + p
              + "scaling.attn_factor' is "
              + s.number(p + "scaling.attn_factor")
              + "; rotary embeddings that also scale the attention are not supported");
    }
    return w.contains("rope_freqs.weight")
        ? RopeFrequencies.divide(f, w.f32("rope_freqs.weight", rotated / 2).toFloats())
        : f;
  }

  private static double[] fromJson(Settings s, int headDim) {
    boolean newStyle = s.has("rope_parameters");
    Settings scaling = s.object(newStyle ? "rope_parameters" : "rope_scaling");
    for (Settings place : new Settings[] {s, scaling}) {
      double share = place.number("partial_rotary_factor", 1);
      if (share != 1) {
        throw new NotSupportedException(
            place.source()
                + ": 'partial_rotary_factor' is "
                + share
                + "; a Llama rotates whole heads");
      }
    }
    double theta = (newStyle ? scaling : s).number("rope_theta", 10_000);
    double[] f = RopeFrequencies.standard(headDim, theta);
    String type = scaling.text("rope_type", scaling.text("type", "default"));
    return switch (type) {
      case "default" -> f;
      case "linear" -> RopeFrequencies.linear(f, factor(scaling, "factor"));
      case "llama3" ->
          RopeFrequencies.llama3(
              f,
              factor(scaling, "factor"),
              scaling.number("low_freq_factor"),
              scaling.number("high_freq_factor"),
              scaling.number("original_max_position_embeddings"));
      default -> throw unknownScaling(scaling, type);
    };
  }

  private static double factor(Settings s, String key) {
    double factor = s.number(key);
    if (factor <= 0) {
      throw new FormatException(
          s.source() + ": '" + key + "' must be a positive number, got " + factor);
    }
    return factor;
  }

  private static NotSupportedException unknownScaling(Settings s, String type) {
    return new NotSupportedException(
        s.source()
            + ": rotary scaling \""
            + type
            + "\" is not supported; there are none, linear, llama3 and stored factors");
  }
}
