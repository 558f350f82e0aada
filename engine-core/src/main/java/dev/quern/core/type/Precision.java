package dev.quern.core.type;

/**
 * How much rounding a matrix product, or attention, may add to its inputs. A choice that is shown,
 * never silent. Accumulation is F32 or wider under each of them. What is said of weights holds for
 * the keys and values of attention.
 */
public enum Precision {
  /** EXACT for F32 and F64 weights, FAST for narrower and block weights. */
  AUTO,
  /** Activations stay F32; weights are widened exactly. */
  EXACT,
  /**
   * Activations are rounded to what the weight format's dot product takes: BF16, or 8-bit blocks.
   * F16 and F32 weights keep their bits, and activations that meet F16 at least 16 of theirs.
   * Attention over keys and values of 16 bits or fewer may round exponentials and values to BF16,
   * and keys in blocks to 11 bits; its gradients probabilities and the gradients of scores.
   */
  FAST,
  /**
   * FAST, and F16 and F32 weights are rounded to BF16 as well, with the activations that meet them,
   * wherever that is faster: 8 of 11 or 24 bits of mantissa stay. BF16 has F32's range, so nothing
   * saturates; only what is larger than 3.396e38 becomes infinite, and denormal numbers may count
   * as zero. To be asked for: AUTO never means it.
   */
  BF16;

  /**
   * What this choice means for a given weight.
   *
   * @param weight element type of the weight operand, or of the keys of attention
   * @return EXACT, FAST, or for F16 and F32 also BF16
   */
  public Precision resolve(DType weight) {
    if (this == BF16) {
      return weight == ScalarType.F16 || weight == ScalarType.F32 ? BF16 : FAST;
    }
    if (this != AUTO) {
      return this;
    }
    return weight == ScalarType.F32 || weight == ScalarType.F64 ? EXACT : FAST;
  }
}
