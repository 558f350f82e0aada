package dev.quern.kernels.ffm;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;

/** Element types that C knows as {@code QUERN_F32}, {@code QUERN_F16} and {@code QUERN_BF16}. */
final class Elements {
  private Elements() {}

  /** Whether C computes on this type. */
  static boolean known(DType t) {
    return t == ScalarType.F32 || t == ScalarType.F16 || t == ScalarType.BF16;
  }

  /** The number of a known type. */
  static int format(DType t) {
    return t == ScalarType.F32 ? 0 : t == ScalarType.F16 ? 1 : 2;
  }
}
