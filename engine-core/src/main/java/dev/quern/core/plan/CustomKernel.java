package dev.quern.core.plan;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.CustomOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelRegistry.Choice;
import java.util.List;

/** A user's operation as a kernel: what {@link CustomOp#compute} says, on one thread. */
record CustomKernel(CustomOp op) implements Kernel {

  static Choice choice(CustomOp op) {
    return new Choice("custom", new CustomKernel(op), true);
  }

  @Override
  public String name() {
    return op.name() + " (user's compute)";
  }

  @Override
  public Runnable bind(KernelArgs args) {
    List<TensorView> in = args.inputs();
    List<TensorView> out = args.outputs();
    return () -> op.compute(in, out);
  }
}
