package dev.quern.testkit;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Holds a backend's result against the reference. */
final class Comparison {
  /** From this many results on, the mean error says more than the largest. */
  private static final int ENOUGH = 64;

  /** Normalised mean squared error that 8-bit activations may cause. */
  private static final double FAST_ERROR = 1e-3;

  private Comparison() {}

  /** Null, or what is wrong. */
  static @Nullable String of(
      KernelCase c, TensorView expected, TensorView actual, double @Nullable [] magnitude) {
    Tolerance tolerance = Tolerance.of(c.op(), c.precision());
    boolean writes = !c.op().writes().isEmpty();
    if (expected.dtype().isBlock() || (writes && tolerance.exact())) {
      return differing(expected.segment(), actual.segment());
    }
    ScalarType type = (ScalarType) expected.dtype();
    if (writes) {
      String gap = differing(gaps(type, expected), gaps(type, actual));
      if (gap != null) {
        return gap;
      }
    }
    double[] r = Values.all(expected);
    double[] y = Values.all(actual);
    double largest = 0;
    for (double v : r) {
      largest = Double.isFinite(v) ? Math.max(largest, Math.abs(v)) : largest;
    }
    for (int i = 0; i < r.length; i++) {
      double s = magnitude == null ? largest : magnitude[i];
      if (!tolerance.accepts(type, r[i], y[i], s)) {
        return "[" + i + "] is " + y[i] + ", reference " + r[i] + " (scale " + s + ")";
      }
    }
    boolean fast = c.op() instanceof MatMulOp && c.precision() != Precision.EXACT;
    return fast && r.length >= ENOUGH ? meanError(r, y) : null;
  }

  private static @Nullable String differing(MemorySegment expected, MemorySegment actual) {
    long at = expected.mismatch(actual);
    return at < 0 ? null : "differs at byte " + at;
  }

  /** A copy of a storage whose elements are 0, so that only what lies between them is left. */
  private static MemorySegment gaps(ScalarType type, TensorView view) {
    MemorySegment copy = Arena.ofAuto().allocate(view.segment().byteSize(), 64);
    copy.copyFrom(view.segment());
    for (long p : Values.positions(view.layout())) {
      Values.set(type, copy, p, 0);
    }
    return copy;
  }

  private static @Nullable String meanError(double[] r, double[] y) {
    double wrong = 0;
    double all = 0;
    for (int i = 0; i < r.length; i++) {
      if (Double.isFinite(r[i])) {
        wrong += (y[i] - r[i]) * (y[i] - r[i]);
        all += r[i] * r[i];
      }
    }
    double error = all == 0 ? wrong : wrong / all;
    return error <= FAST_ERROR ? null : "normalised mean squared error is " + error;
  }
}
