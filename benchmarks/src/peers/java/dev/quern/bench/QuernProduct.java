package dev.quern.bench;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;

/**
 * Quern. Activations and result are in F32 whatever the weight's type, as its models have them, or
 * all three in BF16, as PyTorch has them.
 */
final class QuernProduct implements Product {
  private final OpPlan plan;
  private final int columns;

  /**
   * A product on {@code native} or {@code vector} kernels; narrow: activations and result in BF16.
   */
  QuernProduct(Operands o, String kernels, boolean narrow) {
    plan = new OpPlan(kernels, Precision.AUTO);
    columns = o.n();
    Tensor x =
        narrow
            ? plan.input(MemorySegment.ofArray(Operands.bf16(o.x())), ScalarType.BF16, o.m(), o.k())
            : plan.input(MemorySegment.ofArray(o.x()), ScalarType.F32, o.m(), o.k());
    Tensor w =
        o.bf16()
            ? plan.input(MemorySegment.ofArray(Operands.bf16(o.w())), ScalarType.BF16, o.n(), o.k())
            : plan.input(MemorySegment.ofArray(o.w()), ScalarType.F32, o.n(), o.k());
    plan.record(() -> x.linear(w));
  }

  @Override
  public void run() {
    plan.run();
  }

  @Override
  public float get(int row, int column) {
    return plan.result((long) row * columns + column);
  }

  @Override
  public void close() {
    plan.close();
  }
}
