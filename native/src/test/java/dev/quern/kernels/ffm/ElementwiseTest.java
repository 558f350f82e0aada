package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** An operand of one element beside one of many slices. */
class ElementwiseTest {
  private static final int MANY = 100_003; // more than a slice, and no whole slices
  private static final long SLICE_BYTES = 64 << 10;

  private static TensorView filled(float value, long... dims) {
    TensorView x = Harness.empty(ScalarType.F32, dims);
    for (long i = 0; i < x.shape().elements(); i++) {
      x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    return x;
  }

  private static void check(Functions tier, Op op, float value, boolean oneFirst) {
    TensorView x = Harness.floats(new Random(1), 1, MANY);
    TensorView one = filled(value, 1);
    TensorView all = filled(value, 1, MANY);
    List<TensorView> spread = oneFirst ? List.of(all, x) : List.of(x, all);
    List<TensorView> in = oneFirst ? List.of(one, x) : List.of(x, one);
    assertArrayEquals(
        Harness.values(Harness.run(tier, op, false, Precision.FAST, spread).getFirst()),
        Harness.values(Harness.run(tier, op, false, Precision.FAST, in).getFirst()));
    Kernel kernel = NativeKernels.find(tier, Harness.signature(op, in, false, Precision.FAST));
    assertNotNull(kernel);
    assertEquals(SLICE_BYTES, kernel.scratchBytes(in, List.of(x)), "a slice's length of it");
  }

  @Test
  void oneElementIsSpreadOverNoMoreThanASlice() {
    for (Functions tier : Harness.tiers()) {
      check(tier, new BinaryOp.Mul(), 0.3f, false);
      check(tier, new BinaryOp.Add(), -2, true);
      check(tier, new BinaryOp.SwiGlu(), 1.5f, true);
    }
  }
}
