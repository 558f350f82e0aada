package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.autograd.Tape;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.ConvOp.Conv;
import dev.quern.core.op.ConvOp.ConvTranspose;
import dev.quern.core.op.PoolOp.AvgPool;
import dev.quern.core.op.PoolOp.MaxPool;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.Device;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.TestProviders;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Operations that have no kernel of their own on the device, as convolutions, pooling and batch
 * norm, run there all the same, in the operations they consist of: eagerly, in plans, and
 * backwards. The processor's kernels are the judge.
 */
class DecomposedTest {
  private static final Device CUDA = Device.cuda(0);

  private final Engine engine =
      Engine.builder()
          .kernels(new ReferenceProvider())
          .devices(TestProviders.over(new EmulatedDriver(Emulation.library()), CudaKernels::new))
          .device(CUDA)
          .build();

  /** Each operation of images [2, 4, 9, 8], with the options it has. */
  private static List<Tensor> all(Tensor x, List<Tensor> weights) {
    Tensor w = weights.get(0); // [6, 2, 3, 2]
    Tensor bias = weights.get(1); // [6]
    Tensor back = weights.get(2); // [4, 3, 2, 3]
    Tensor scale = weights.get(3); // [4]
    Conv conv = new Conv(List.of(2, 1), List.of(1, 2), List.of(1, 2), 2, true);
    ConvTranspose up =
        new ConvTranspose(List.of(2, 3), List.of(1, 0), List.of(1, 0), List.of(1, 2), 2, true);
    MaxPool max = new MaxPool(List.of(3, 2), List.of(2, 2), List.of(1, 0), List.of(1, 2), true);
    AvgPool mean = new AvgPool(List.of(2, 3), List.of(1, 2), List.of(1, 1), false, true);
    List<Tensor> results = new ArrayList<>();
    results.add(x.conv(w, conv, bias));
    results.add(x.convTranspose(back, up, bias));
    results.add(x.maxPool(max));
    results.add(x.avgPool(mean));
    results.addAll(x.batchNorm(scale, scale, 1e-5f));
    results.add(x.batchNorm(scale, scale, scale, scale.mul(scale), 1e-5f));
    results.add(x.groupNorm(2, scale, scale, 1e-5f));
    return results;
  }

  private List<Tensor> weights() {
    return List.of(
        engine.normal(1, 6, 2, 3, 2),
        engine.normal(2, 6),
        engine.normal(3, 4, 3, 2, 3),
        engine.normal(4, 4));
  }

  private static List<Tensor> onHost(List<Tensor> tensors) {
    return tensors.stream().map(t -> t.to(Device.CPU)).toList();
  }

  private static void agree(List<Tensor> here, List<Tensor> there) {
    for (int i = 0; i < here.size(); i++) {
      assertEquals(CUDA, there.get(i).device());
      assertEquals(here.get(i).spec(), there.get(i).spec());
      assertArrayEquals(here.get(i).toFloats(), there.get(i).toFloats(), 5e-5f, "result " + i);
    }
  }

  @Test
  void eagerlyTheResultsOfTheProcessor() {
    try (TensorScope _ = TensorScope.open()) {
      Tensor x = engine.normal(9, 2, 4, 9, 8);
      List<Tensor> weights = weights();
      agree(all(x.to(Device.CPU), onHost(weights)), all(x, weights));
    }
  }

  @Test
  void inPlansTheBitsOfEagerCalls() {
    try (TensorScope _ = TensorScope.open()) {
      List<Tensor> weights = weights();
      float[] x = engine.normal(9, 2, 4, 9, 8).toFloats();
      List<Tensor> eager = all(engine.tensor(x, 2, 4, 9, 8), weights);
      TensorSpec spec = TensorSpec.of(ScalarType.F32, 2, 4, 9, 8);
      try (Plan plan =
          engine.record(
              "images",
              r -> {
                List<Tensor> results = all(r.slot("x", spec), weights);
                for (int i = 0; i < results.size(); i++) {
                  r.output("y" + i, results.get(i));
                }
              })) {
        plan.slot("x").set(x);
        plan.run();
        for (int i = 0; i < eager.size(); i++) {
          assertArrayEquals(eager.get(i).toFloats(), plan.output("y" + i).toFloats(), "y" + i);
        }
      }
    }
  }

  private static Tensor gradient(Engine engine, Buffer images, List<Tensor> weights) {
    try (Tape tape = engine.tape()) {
      tape.watch(images);
      Tensor loss = images.value().mean();
      for (Tensor y : all(images.value(), weights)) {
        loss = loss.add(y.mul(y).mean());
      }
      return tape.backward(loss).of(images);
    }
  }

  @Test
  void gradientsFlowThroughThem() {
    TensorSpec spec = TensorSpec.of(ScalarType.F32, 2, 4, 9, 8);
    try (TensorScope _ = TensorScope.open();
        Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();
        Buffer there = engine.buffer("images", spec);
        Buffer here = cpu.buffer("images", spec)) {
      Tensor x = engine.normal(9, 2, 4, 9, 8);
      there.assign(x);
      here.assign(cpu.tensor(x.toFloats(), 2, 4, 9, 8));
      List<Tensor> weights = weights();
      List<Tensor> host = new ArrayList<>();
      for (Tensor w : weights) {
        host.add(cpu.tensor(w.toFloats(), w.shape().dims()));
      }
      Tensor expected = gradient(cpu, here, host);
      Tensor found = gradient(engine, there, weights);
      assertTrue(found.device().equals(CUDA));
      assertArrayEquals(expected.toFloats(), found.toFloats(), 1e-4f);
    }
  }
}
