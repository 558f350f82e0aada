package dev.quern.transformer.train;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.Precision;
import dev.quern.testkit.TorchModelConformance;

/** Whole models with products in BF16, by the best kernels that there are. */
class TorchPrecisionTest extends TorchModelConformance {
  TorchPrecisionTest() {
    super(Engine.builder().precision(Precision.BF16).build(), "bf16_autocast");
  }
}
