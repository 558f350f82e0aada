package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import org.junit.jupiter.api.Test;

/**
 * Engine, backend, pool, copies, graphs and the CUDA kernels together: the same code on the CPU is
 * the judge.
 */
abstract class EngineOnDevice {
  private static final Device CUDA = Device.cuda(0);
  private static final TensorSpec X = TensorSpec.of(ScalarType.F32, 6, 40);

  private final Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();
  private final Engine cuda;

  EngineOnDevice(Engine cuda) {
    this.cuda = cuda;
  }

  private static Tensor network(Tensor x, Tensor weight) {
    Tensor h = x.rmsNorm(weight, 1e-5f).silu().mul(x.cast(ScalarType.F16).cast(ScalarType.F32));
    return h.transpose().contiguous().softmax(-1).add(h.sum(false, 0).reshape(40, 1)).sub(h.mean());
  }

  private static float[] values(int seed, int n) {
    try (TensorScope _ = TensorScope.open()) {
      return Engine.create().normal(seed, n).toFloats();
    }
  }

  @Test
  void eagerCodeAgreesWithTheCpu() {
    try (TensorScope _ = TensorScope.open()) {
      float[] x = values(1, 240);
      float[] w = values(2, 40);
      float[] here = network(cpu.tensor(x, 6, 40), cpu.tensor(w)).toFloats();
      Tensor there = network(cuda.tensor(x, 6, 40), cuda.tensor(w));
      assertEquals(CUDA, there.device());
      assertArrayEquals(here, there.toFloats(), 2e-6f);
    }
  }

  @Test
  void aPlanAgreesWithTheCpuAndWithEagerBits() {
    try (TensorScope _ = TensorScope.open();
        Buffer weight = cuda.buffer("weight", TensorSpec.of(ScalarType.F32, 40))) {
      float[] w = values(2, 40);
      weight.assign(cuda.tensor(w));
      try (Plan plan =
          cuda.record("net", r -> r.output("y", network(r.slot("x", X), weight.value())))) {
        assertTrue(plan.explain().contains("cuda: "), plan.explain());
        for (int i = 0; i < 3; i++) {
          float[] x = values(10 + i, 240);
          plan.slot("x").set(x);
          plan.run();
          float[] y = plan.output("y").toFloats();
          assertArrayEquals(network(cpu.tensor(x, 6, 40), cpu.tensor(w)).toFloats(), y, 2e-6f);
          assertArrayEquals(
              network(cuda.tensor(x, 6, 40), weight.value()).toFloats(), y, "eager bits");
        }
      }
    }
  }
}
