package dev.quern.testkit;

import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.List;

/** All cases of the conformance kit, family by family. Seeded: the same everywhere. */
public final class KernelCases {
  /** Extents at which vector loops, tails and tiles go wrong. */
  static final long[] SIZES = {1, 3, 15, 16, 17, 31, 33, 63, 65, 127, 255, 257, 4097};

  private static final long[] FEW_SIZES = {1, 17, 255, 4097};

  private KernelCases() {}

  /** The sizes for a dtype: all for those that networks compute in, few for the others. */
  static long[] sizes(ScalarType type) {
    return isCommon(type) ? SIZES : FEW_SIZES;
  }

  /** The layouts for a dtype: all for those that networks compute in, few for the others. */
  static List<LayoutKind> layouts(ScalarType type) {
    return isCommon(type)
        ? List.of(LayoutKind.values())
        : List.of(
            LayoutKind.CONTIGUOUS, LayoutKind.ROWS, LayoutKind.BACKWARDS, LayoutKind.REVERSED);
  }

  private static boolean isCommon(ScalarType type) {
    return type == ScalarType.F32 || type == ScalarType.F16 || type == ScalarType.BF16;
  }

  /**
   * Every case. They are made once per process, about 80 MB of operands.
   *
   * @return in order of families
   */
  public static List<KernelCase> all() {
    return Made.CASES;
  }

  /** Made when they are first asked for. */
  private static final class Made {
    static final List<KernelCase> CASES = make();

    private static List<KernelCase> make() {
      List<KernelCase> cases = new ArrayList<>();
      ElementwiseCases.add(cases);
      ReduceCases.add(cases);
      NormCases.add(cases);
      MatMulCases.add(cases);
      DataCases.add(cases);
      AttentionCases.add(cases);
      GradientCases.add(cases);
      SpaceCases.add(cases);
      StateCases.add(cases);
      PageCases.add(cases);
      SamplingCases.add(cases);
      EmptyCases.add(cases);
      return List.copyOf(cases);
    }
  }
}
