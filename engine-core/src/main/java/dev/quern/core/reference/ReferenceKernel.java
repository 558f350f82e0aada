package dev.quern.core.reference;

import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import java.util.function.Function;

/** A kernel from its name and the function that binds it. */
record ReferenceKernel(String name, Function<KernelArgs, Runnable> binder) implements Kernel {
  @Override
  public Runnable bind(KernelArgs args) {
    return binder.apply(args);
  }
}
