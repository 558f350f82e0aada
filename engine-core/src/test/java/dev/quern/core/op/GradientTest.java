package dev.quern.core.op;

import dev.quern.core.engine.Engine;
import dev.quern.testkit.GradientConformance;

/** The gradients of all operations, computed by the reference kernels. */
class GradientTest extends GradientConformance {
  GradientTest() {
    super(Engine.builder().kernels().threads(1).build());
  }
}
