package dev.quern.core.reference;

import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import org.jspecify.annotations.Nullable;

/** The scalar reference kernels. */
public final class ReferenceProvider implements KernelProvider {
  /** Creates it. */
  public ReferenceProvider() {}

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public Probe probe() {
    return new Probe.Usable("scalar Java");
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    return null;
  }
}
