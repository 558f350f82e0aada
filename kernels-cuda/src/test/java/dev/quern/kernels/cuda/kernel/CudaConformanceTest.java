package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.KernelCase;

/** The kernels emulated: each run takes blocks and threads in another order. */
class CudaConformanceTest extends CudaConformance {
  private static final int TILE = 64; // queries of a block of the tensor cores' kernel

  CudaConformanceTest() {
    super(EmulatedDevice.bare());
  }

  @Override
  protected Engine engine(Engine.Builder builder) {
    return EmulatedDevice.engine(builder);
  }

  /**
   * Products and attention have thousands of cases, which take minutes on the processor: of those
   * in F32 without residuals every second one runs, of the others every eighth; of attention's all
   * with more queries than a tile has. {@code -Dquern.emulation=all} runs all.
   */
  @Override
  protected boolean covers(KernelCase c) {
    boolean slow =
        c.op() instanceof MatMulOp
            || c.op() instanceof Attention
            || c.op() instanceof AttentionGradOp;
    boolean tiled =
        (c.op() instanceof Attention || c.op() instanceof AttentionGradOp)
            && c.inputs().getFirst().view().shape().dim(1) > TILE;
    if (!slow || tiled || "all".equals(System.getProperty("quern.emulation"))) {
      return true;
    }
    boolean plain =
        c.inputs().stream()
            .allMatch(
                o ->
                    o.view().dtype() != ScalarType.F64
                        && o.view().dtype().blockBytes() == Float.BYTES);
    return Math.floorMod(c.toString().hashCode(), plain ? 2 : 8) == 0;
  }
}
