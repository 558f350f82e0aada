package dev.quern.kernels.cpu;

import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelSignature;
import org.jspecify.annotations.Nullable;

/** What the provider loads once it knows that the Vector API is there. */
interface KernelSource {
  /** A kernel for a call, or null. */
  @Nullable Kernel find(KernelSignature signature);

  /** A loop that measures a limit, or null. */
  @Nullable CeilingLoop ceiling(Ceiling ceiling);

  /** What vectors this machine has, for people. */
  String description();
}
