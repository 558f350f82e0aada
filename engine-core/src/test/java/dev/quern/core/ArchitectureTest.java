package dev.quern.core;

import dev.quern.testkit.PackageLadder;
import org.junit.jupiter.api.Test;

/** The arrows of engine-core. */
class ArchitectureTest {
  private static final String ROOT = "dev.quern.core";

  @Test
  void packagesFormALadder() {
    PackageLadder.of(ROOT)
        .step("type")
        .step("memory", "type")
        .step("op", "memory")
        .step("spi", "op")
        .step("autograd", "spi")
        .step("plan", "spi")
        .step("reference", "spi")
        .step("engine", "autograd", "plan", "reference")
        .step("io", "memory")
        .check();
  }

  @Test
  void coreIsPlainJava() {
    PackageLadder.checkNever(
        ROOT,
        "SIMD and native code live in the kernel modules",
        "jdk.incubator..",
        "java.lang.foreign.Linker",
        "java.lang.foreign.SymbolLookup",
        "dev.quern.kernels..",
        "dev.quern.transformer..");
  }
}
