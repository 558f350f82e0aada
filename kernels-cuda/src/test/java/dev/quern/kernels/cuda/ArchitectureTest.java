package dev.quern.kernels.cuda;

import dev.quern.testkit.PackageLadder;
import org.junit.jupiter.api.Test;

/** The arrows of kernels-cuda: down its own ladder to engine-core's SPI, to no other kernels. */
class ArchitectureTest {
  private static final String ROOT = "dev.quern.kernels.cuda";

  @Test
  void packagesFormALadder() {
    PackageLadder.of(ROOT)
        .step("driver")
        .step("memory", "driver")
        .step("launch", "memory")
        .step("kernel", "launch")
        .step("", "kernel")
        .check();
  }

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
        "dev.quern.kernels.ffm..",
        "dev.quern.transformer..");
  }

  @Test
  void usesNoVectorApi() {
    PackageLadder.checkNever(ROOT, "the Vector API lives in kernels-cpu", "jdk.incubator..");
  }
}
