package dev.quern.core.reference;

import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.testkit.KernelConformance;

/** The reference under its own kit: threads, plans, layouts and bounds. */
class ReferenceConformanceTest extends KernelConformance {
  @Override
  protected KernelProvider provider() {
    return new ReferenceProvider();
  }

  @Override
  protected boolean declines(KernelSignature signature) {
    return false;
  }
}
