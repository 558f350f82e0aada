package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;

import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The operands of a product of few rows of x with the rows of w as {@link DotTask} and {@link
 * RowsTask} see them, and how they end: bias added, rounded to the type of the result.
 *
 * @param xStart where x begins, in bytes
 * @param wStart where w begins, in bytes
 * @param dtype F32, F16 or BF16
 * @param out results, a row of n for each row of x
 * @param bias one F32, F16 or BF16 per row of w, or null
 * @param biasType its type
 */
record FewRows(
    long xStart,
    long wStart,
    DType dtype,
    MemorySegment out,
    @Nullable MemorySegment bias,
    DType biasType) {
  /** Whether sums are results as they are, but for the bias. */
  boolean direct() {
    return dtype == ScalarType.F32;
  }

  /**
   * Ends a run of sums.
   *
   * @param y F32 sums
   * @param at where they are
   * @param count how many
   * @param row their first row of w
   * @param element their first place in the result
   */
  void finish(MemorySegment y, long at, int count, long row, long element) {
    if (bias != null) {
      for (int i = 0; i < count; i++) {
        float add = Convert.scalar(biasType, bias, (row + i) * biasType.blockBytes());
        y.set(F32, at + 4L * i, y.get(F32, at + 4L * i) + add);
      }
    }
    if (!direct()) {
      Convert.narrow(dtype, y, at, out, element * dtype.blockBytes(), count);
    }
  }
}
