package dev.quern.kernels.cpu;

import dev.quern.testkit.PackageLadder;
import org.junit.jupiter.api.Test;

/** The arrows of kernels-cpu: down to engine-core's SPI, never to another kernel module. */
class ArchitectureTest {
  private static final String ROOT = "dev.quern.kernels.cpu";

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
        "dev.quern.kernels.ffm..",
        "dev.quern.kernels.cuda..",
        "dev.quern.transformer..");
  }

  @Test
  void callsNoNativeCode() {
    PackageLadder.checkNever(
        ROOT,
        "native code lives in the module native",
        "java.lang.foreign.Linker",
        "java.lang.foreign.SymbolLookup");
  }
}
