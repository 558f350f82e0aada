package dev.quern.kernels.ffm;

import dev.quern.testkit.PackageLadder;
import org.junit.jupiter.api.Test;

/** The arrows of native: down to engine-core's SPI, never to another kernel module. */
class ArchitectureTest {
  private static final String ROOT = "dev.quern.kernels.ffm";

  @Test
  void importsOnlyTheSpi() {
    PackageLadder.checkNever(
        ROOT,
        "kernels know engine-core's SPI and what lies below it",
        "dev.quern.core.engine..",
        "dev.quern.core.autograd..",
        "dev.quern.core.plan..",
        "dev.quern.core.reference..",
        "dev.quern.core.io..",
        "dev.quern.kernels.cpu..",
        "dev.quern.kernels.cuda..",
        "dev.quern.transformer..");
  }

  @Test
  void usesNoVectorApi() {
    PackageLadder.checkNever(ROOT, "the Vector API lives in kernels-cpu", "jdk.incubator..");
  }
}
