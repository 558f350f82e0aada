package dev.quern.core.torch;

import dev.quern.core.engine.Engine;
import dev.quern.testkit.TorchModelConformance;

/** Whole models of the reference kernels. */
class TorchModelsTest extends TorchModelConformance {
  TorchModelsTest() {
    super(Engine.builder().kernels().build(), "float64", "float32");
  }
}
