package dev.quern.core.type;

/**
 * How much rounding a matrix product, or attention, may add to its inputs. A choice that is shown,
 * never silent. Accumulation is F32 or wider under each of them. What is said of weights holds for
 * the keys and values of attention.
 */
public enum Precision {
  /** EXACT for F32 and F64 weights, FAST for 16-bit and block weights. */
  AUTO,
  /** Activations stay F32; weights are widened exactly. */
  EXACT,
  /**
   * Activations are rounded to what the weight format's dot product takes: BF16, or 8-bit blocks.
   * Attention over 16-bit keys and values may round exponentials and values to BF16.
   */
  FAST;

  /**
   * What this choice means for a given weight.
   *
   * @param weight element type of the weight operand, or of the keys of attention
   * @return EXACT or FAST
   */
  public Precision resolve(DType weight) {
    if (this != AUTO) {
      return this;
    }
    return weight == ScalarType.F16 || weight == ScalarType.BF16 || weight.isBlock() ? FAST : EXACT;
  }
}
