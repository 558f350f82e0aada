package dev.quern.kernels.ffm;

import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;

/**
 * Element types that C knows as {@code QUERN_F32}, {@code QUERN_F16} and {@code QUERN_BF16}, and
 * how kernels that are streams over them are cut.
 */
final class Elements {
  private static final long FAR = 1 << 20;
  private static final long THROUGH = 32 << 20;
  private static final long MANY = 4 << 20;
  private static final long SLICE = 16 << 10;
  private static final long LONG_SLICE = 128 << 10;

  private Elements() {}

  /** Whether C computes on this type. */
  static boolean known(DType t) {
    return t == ScalarType.F32 || t == ScalarType.F16 || t == ScalarType.BF16;
  }

  /** The number of a known type. */
  static int format(DType t) {
    return t == ScalarType.F32 ? 0 : t == ScalarType.F16 ? 1 : 2;
  }

  /** Whether all inputs are of one known type, without gaps. */
  static boolean plain(KernelSignature s) {
    DType type = s.inputs().getFirst();
    return known(type) && s.allContiguous() && s.inputs().stream().allMatch(t -> t == type);
  }

  /** Whether all inputs are F32 without gaps. */
  static boolean onlyF32(KernelSignature s) {
    return s.inputs().getFirst() == ScalarType.F32 && plain(s);
  }

  /**
   * How a result of so many elements is written: {@code QUERN_NEAR}, {@code QUERN_FAR} or {@code
   * QUERN_THROUGH}. What is larger than most caches is stored past them, unless it takes the place
   * of an input, whose lines are there anyway.
   */
  static long flow(KernelArgs args) {
    MemorySegment y = args.output().base();
    long bytes = args.output().dtype().bytes(args.output().shape().elements());
    boolean inPlace = args.inputs().stream().anyMatch(x -> x.base().address() == y.address());
    return bytes < FAR ? 0 : bytes < THROUGH || inPlace ? 1 : 2;
  }

  /** Elements of a slice of a call on so many: some microseconds, or long stretches of memory. */
  static long slice(long elements) {
    return elements < MANY ? SLICE : LONG_SLICE;
  }
}
