package dev.quern.transformer.layers;

import dev.quern.core.type.ShapeException;

/**
 * Inverse frequencies of rotary embeddings: pair j of a head turns by position · f[j]. Computed in
 * F64, rounded to F32 once.
 */
public final class RopeFrequencies {
  private RopeFrequencies() {}

  /**
   * f[j] = theta^(−2j/dim) (Su et al. 2021).
   *
   * @param dim how many elements of a head are rotated, even
   * @param theta the base, usually 10000
   * @return [dim / 2], radians per position
   */
  public static double[] standard(int dim, double theta) {
    if (dim <= 0 || dim % 2 != 0) {
      throw new ShapeException("[rope] " + dim + " elements can't be rotated in pairs; need even");
    }
    double[] f = new double[dim / 2];
    for (int j = 0; j < f.length; j++) {
      f[j] = Math.pow(theta, -2.0 * j / dim);
    }
    return f;
  }

  /**
   * Linear scaling (Chen et al. 2023): positions are divided by a factor.
   *
   * @param f frequencies
   * @param factor how many times longer the context became
   * @return f / factor
   */
  public static double[] linear(double[] f, double factor) {
    double[] scaled = f.clone();
    for (int j = 0; j < f.length; j++) {
      scaled[j] /= factor;
    }
    return scaled;
  }

  /**
   * Llama 3.1's scaling: waves longer than original / low are slowed by the factor, those shorter
   * than original / high stay, and between them the two are blended.
   *
   * @param f frequencies
   * @param factor how many times longer the context became
   * @param lowFrequencyFactor usually 1
   * @param highFrequencyFactor usually 4
   * @param originalContext the length the model was first trained with, in tokens
   * @return the scaled frequencies
   */
  public static double[] llama3(
      double[] f,
      double factor,
      double lowFrequencyFactor,
      double highFrequencyFactor,
      double originalContext) {
    double[] scaled = f.clone();
    for (int j = 0; j < f.length; j++) {
      double turns = originalContext * f[j] / (2 * Math.PI);
      double blend = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
      double keep = Math.clamp(blend, 0.0, 1.0);
      scaled[j] = f[j] * (keep + (1 - keep) / factor);
    }
    return scaled;
  }

  /**
   * Scaling by stored factors, as GGUF's {@code rope_freqs.weight} gives them.
   *
   * @param f frequencies
   * @param factors as many
   * @return f / factors, element by element
   */
  public static double[] divide(double[] f, float[] factors) {
    if (f.length != factors.length) {
      throw new ShapeException(
          "[rope] " + factors.length + " frequency factors for " + f.length + " frequencies");
    }
    double[] scaled = f.clone();
    for (int j = 0; j < f.length; j++) {
      scaled[j] /= factors[j];
    }
    return scaled;
  }

  /**
   * Rounds to F32.
   *
   * @param f frequencies
   * @return as floats, for a tensor
   */
  public static float[] toFloats(double[] f) {
    float[] rounded = new float[f.length];
    for (int j = 0; j < f.length; j++) {
      rounded[j] = (float) f[j];
    }
    return rounded;
  }
}
