package dev.quern.transformer;

import dev.quern.testkit.PackageLadder;
import org.junit.jupiter.api.Test;

/** The arrows of transformer. */
class ArchitectureTest {
  private static final String ROOT = "dev.quern.transformer";

  @Test
  void packagesFormALadder() {
    PackageLadder.of(ROOT)
        .step("tokenizer")
        .step("data")
        .step("evaluate")
        .step("settings")
        .step("layers", "settings")
        .step("families", "layers")
        .step("decode", "families", "tokenizer")
        .step("model", "decode")
        .step("train", "model", "data", "evaluate", "settings")
        .step("serve", "train")
        .step("compress")
        .step("export", "model", "compress")
        .step("cli", "serve", "export")
        .check();
  }

  @Test
  void partsOfTrainingFormALadder() {
    PackageLadder.of(ROOT + ".train")
        .step("schedule")
        .step("loss")
        .step("optimizer")
        .step("log")
        .step("config")
        .step("", "schedule", "loss", "optimizer", "log")
        .step("run", "", "config")
        .check();
  }

  @Test
  void listenersAndConfigurationsKnowOfNoModel() {
    for (String part : new String[] {".train.log", ".train.config"}) {
      PackageLadder.checkNever(
          ROOT + part,
          "they take numbers and keys, whoever has them",
          ROOT + ".model..",
          ROOT + ".decode..",
          ROOT + ".families..",
          ROOT + ".layers..",
          ROOT + ".data..",
          "dev.quern.core.op..",
          "dev.quern.core.engine..");
    }
  }

  @Test
  void holdsNoKernels() {
    PackageLadder.checkNever(
        ROOT,
        "models are composed of operations; kernels live in the kernel modules",
        "jdk.incubator..",
        "java.lang.foreign.Linker",
        "java.lang.foreign.SymbolLookup",
        "dev.quern.kernels..");
  }
}
