package dev.quern.bench;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** A plan of one operation over buffers, on chosen kernels. */
final class OpPlan implements AutoCloseable {
  private final String kernels;
  private final Engine engine;
  private final List<Buffer> buffers = new ArrayList<>();
  private Plan plan;

  /**
   * Nothing recorded yet.
   *
   * @param kernels whose kernels the operation shall run on, alone: {@code native}, {@code vector},
   *     {@code reference}, or {@code all}
   * @param precision what matrix products may round
   */
  OpPlan(String kernels, Precision precision) {
    this.kernels = kernels;
    engine = Engine.builder().precision(precision).build();
    plan = engine.record("empty", _ -> {});
  }

  /** Normally distributed values of a dtype, in a buffer, so that a recording doesn't fold them. */
  Tensor input(DType dtype, long... dims) {
    Tensor values = engine.normal(buffers.size() + 1, dims).cast(dtype);
    Buffer b = engine.buffer("input " + buffers.size(), new TensorSpec(dtype, values.shape()));
    if (dtype instanceof ScalarType) {
      b.assign(values);
    } else {
      b.value().storage().segment().copyFrom(values.segment());
    }
    buffers.add(b);
    return b.value();
  }

  /** Given elements, as a dtype stores them, in a buffer. */
  Tensor input(MemorySegment elements, DType dtype, long... dims) {
    Buffer b = engine.buffer("input " + buffers.size(), TensorSpec.of(dtype, dims));
    b.value().storage().segment().copyFrom(elements);
    buffers.add(b);
    return b.value();
  }

  /** An element of the latest run's result, which is F32 or BF16. */
  float result(long index) {
    Tensor y = plan.output("y");
    return y.dtype() == ScalarType.BF16
        ? Float.intBitsToFloat(y.segment().getAtIndex(ValueLayout.JAVA_SHORT, index) << 16)
        : y.segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  /** Records the operation to be measured. */
  void record(Supplier<Tensor> operation) {
    plan.close();
    if (!kernels.equals("all")) {
      System.setProperty("quern.kernels", kernels); // inputs were made with all there are
    }
    plan = engine.record("benchmark", r -> r.output("y", operation.get()));
    System.out.println(plan.explain());
  }

  /** Bytes of the operands and of the result. */
  long bytes() {
    long sum = plan.output("y").spec().byteSize();
    for (Buffer b : buffers) {
      sum += b.value().spec().byteSize();
    }
    return sum;
  }

  void run() {
    plan.run();
  }

  @Override
  public void close() {
    plan.close();
    buffers.forEach(Buffer::close);
    engine.close();
  }
}
