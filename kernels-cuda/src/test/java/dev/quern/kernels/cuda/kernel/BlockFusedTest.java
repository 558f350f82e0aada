package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.Device;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Products with weights in blocks, emulated and on a GPU: fused calls have the bits of their parts,
 * and what there is no kernel for is refused by name.
 */
class BlockFusedTest {
  private static final Device CUDA = Device.cuda(0);
  private static final List<BlockType> FORMATS =
      List.of(BlockType.Q8_0, BlockType.Q4_0, BlockType.Q5_1, BlockType.Q4_K, BlockType.Q6_K);

  Engine engine(Precision precision) {
    return EmulatedDevice.engine(Engine.builder().precision(precision));
  }

  private record Network(Tensor a, Tensor b, Tensor c, Tensor bias, int gate) {
    /** Siblings with and without bias, two residuals, and a gated layer with each gate. */
    Tensor of(Tensor x) {
      Tensor h = x.linear(a).mul(x.linear(b)).add(x.linear(c));
      Tensor s = h.linear(a, bias).sub(h.linear(c, bias));
      Tensor r = x.add(s.linear(b, bias));
      Tensor g = r.linear(a);
      Tensor u = r.linear(b);
      Tensor gated =
          switch (gate) {
            case 0 -> g.swiGlu(u);
            case 1 -> g.geGlu(u, true);
            default -> g.geGlu(u, false);
          };
      return gated.linear(c).add(r);
    }
  }

  private static void check(Engine engine, ScalarType type, BlockType format, int m, int gate) {
    int k = format.blockLength() == 256 ? 256 : 96;
    try (TensorScope _ = TensorScope.open()) {
      Tensor[] w = new Tensor[3];
      for (int i = 0; i < w.length; i++) {
        w[i] = engine.normal(1 + i, k, k).mul(0.06).to(Device.CPU).cast(format).to(CUDA);
      }
      Tensor bias = engine.normal(5, k).cast(type);
      Network network = new Network(w[0], w[1], w[2], bias, gate);
      Tensor x = engine.normal(6, 1, m, k).cast(type);
      float[] expected = network.of(x).toFloats();
      TensorSpec one = TensorSpec.of(ScalarType.F32, 1);
      try (Plan plan =
          engine.record(
              "p", r -> r.output("y", network.of(x.mul(r.slot("one", one).cast(type)))))) {
        plan.slot("one").set(new float[] {1});
        plan.run();
        String what = plan.explain() + " m=" + m;
        assertTrue(what.contains("gatedFeedForward") && what.contains("linears"), what);
        assertTrue(what.contains("linearAdd"), what);
        assertArrayEquals(expected, plan.output("y").toFloats(), what);
      }
    }
  }

  @Test
  void theBitsOfTheParts() {
    int turn = 0;
    for (Precision precision : List.of(Precision.EXACT, Precision.FAST)) {
      try (Engine engine = engine(precision)) {
        for (BlockType format : FORMATS) {
          for (int m : new int[] {1, 5, 9}) {
            check(engine, turn % 2 == 0 ? ScalarType.F32 : ScalarType.BF16, format, m, turn % 3);
            turn++;
          }
        }
      }
    }
  }

  @Test
  void siblingsOfOddWidths() {
    for (Precision precision : List.of(Precision.EXACT, Precision.FAST)) {
      try (TensorScope _ = TensorScope.open();
          Engine engine = engine(precision)) {
        List<Tensor> weights = new ArrayList<>();
        for (int n : new int[] {17, 1, 70}) {
          Tensor w = engine.normal(n, n, 256).to(Device.CPU).cast(BlockType.Q4_K).to(CUDA);
          weights.add(w);
        }
        for (int m : new int[] {2, 11}) {
          float[] x = engine.normal(m, m, 256).toFloats();
          TensorSpec spec = TensorSpec.of(ScalarType.F32, m, 256);
          try (Plan plan =
              engine.record(
                  "p",
                  r -> {
                    Tensor exp = r.slot("x", spec).exp();
                    for (int i = 0; i < weights.size(); i++) {
                      r.output("y" + i, exp.linear(weights.get(i)));
                    }
                  })) {
            assertTrue(plan.explain().contains("linears"), plan.explain());
            plan.slot("x").set(x);
            plan.run();
            for (int i = 0; i < weights.size(); i++) {
              float[] expected = engine.tensor(x, m, 256).exp().linear(weights.get(i)).toFloats();
              assertArrayEquals(expected, plan.output("y" + i).toFloats(), "y" + i);
            }
          }
        }
      }
    }
  }

  @Test
  void siblingsOfTwoFormatsStayApart() {
    try (TensorScope _ = TensorScope.open();
        Engine engine = engine(Precision.AUTO)) {
      Tensor a = engine.normal(1, 32, 256).to(Device.CPU).cast(BlockType.Q8_0).to(CUDA);
      Tensor b = engine.normal(2, 32, 256).to(Device.CPU).cast(BlockType.Q6_K).to(CUDA);
      TensorSpec spec = TensorSpec.of(ScalarType.F32, 2, 256);
      try (Plan plan =
          engine.record(
              "p",
              r -> {
                Tensor x = r.slot("x", spec);
                r.output("y", x.linear(a).add(x.linear(b).exp()));
              })) {
        assertTrue(!plan.explain().contains("linears"), plan.explain());
      }
    }
  }

  /** The tensor's dtype and what may be done instead. */
  private static void refused(String format, Executable call) {
    String said = assertThrows(NotSupportedException.class, call).getMessage();
    assertTrue(said.contains(format) && said.contains("x.to(Device.CPU)"), said);
  }

  @Test
  void formatsWithoutKernelsAreRefusedByName() {
    try (TensorScope _ = TensorScope.open();
        Engine engine = engine(Precision.AUTO)) {
      TensorSpec spec = TensorSpec.of(BlockType.MXFP4, 4, 32);
      Tensor w = engine.tensor(spec, MemorySegment.ofArray(new byte[(int) spec.byteSize()]));
      Tensor x = engine.normal(1, 2, 32);
      Tensor wide = engine.normal(2, 4, 256);
      Tensor ids = engine.tensor(new int[] {1}).cast(ScalarType.I64);
      refused("MXFP4", () -> x.linear(w));
      refused("MXFP4", () -> x.matmul(w.transpose()));
      refused("MXFP4", () -> w.cast(ScalarType.F32));
      refused("MXFP4", () -> w.embedding(ids, ScalarType.F32));
      refused("Q4_K", () -> wide.cast(BlockType.Q4_K));
      Tensor across = wide.cast(BlockType.Q8_0);
      String said =
          assertThrows(NotSupportedException.class, () -> engine.normal(3, 2, 4).matmul(across))
              .getMessage();
      assertTrue(said.contains("Q8_0") && said.contains("transpose"), said);
    }
  }

  @Test
  void rowsOfBlocksAreMovedAsTheyAre() {
    try (TensorScope _ = TensorScope.open();
        Engine engine = engine(Precision.AUTO)) {
      for (BlockType format : List.of(BlockType.Q8_0, BlockType.Q4_1, BlockType.Q6_K)) {
        Tensor table = engine.normal(1, 3, 5, 512).to(Device.CPU).cast(format);
        int[] some = {4, -1, 0, 2};
        Tensor here = table.indexSelect(1, engine.tensor(some).to(Device.CPU));
        Tensor there = table.to(CUDA).indexSelect(1, engine.tensor(some));
        assertEquals(here.spec(), there.spec());
        assertEquals(
            -1, here.segment().mismatch(there.to(Device.CPU).segment()), format.toString());
      }
    }
  }
}
