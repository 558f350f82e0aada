package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import java.util.List;
import java.util.function.Function;

/**
 * A kernel made of a function that binds its calls.
 *
 * @param name for {@code explain}
 * @param binder makes the call
 * @param space working memory on the device
 */
record CudaKernel(String name, Function<KernelArgs, Runnable> binder, Space space)
    implements Kernel {

  /** Working memory of a call. */
  @FunctionalInterface
  interface Space {
    /** None. */
    Space NONE = (_, _) -> 0;

    /** Bytes. */
    long bytes(List<TensorView> inputs, List<TensorView> outputs);
  }

  CudaKernel(String name, Function<KernelArgs, Runnable> binder) {
    this(name, binder, Space.NONE);
  }

  @Override
  public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    return space.bytes(inputs, outputs);
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return binder.apply(args);
  }
}
