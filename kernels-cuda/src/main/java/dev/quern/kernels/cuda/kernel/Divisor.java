package dev.quern.kernels.cuda.kernel;

import dev.quern.kernels.cuda.launch.Params;

/**
 * Division by a number that is known before the launch, as a multiplication and a shift (Granlund
 * and Montgomery 1994): n / d = (⌊n · magic / 2³²⌋ + n) >> shift for n below 2³¹.
 *
 * @param value d, from 1 to 2³¹ − 1
 */
record Divisor(int value) {
  /** The struct of {@code quern.cuh}. */
  void write(Params p) {
    p.int32(value).int32(magic()).int32(shift());
  }

  int shift() {
    return Integer.SIZE - Integer.numberOfLeadingZeros(value - 1);
  }

  int magic() {
    long d = value;
    return (int) (((1L << Integer.SIZE) * ((1L << shift()) - d)) / d + 1);
  }
}
