package dev.quern.kernels.cuda.kernel;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.ScanOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.KernelCase;
import dev.quern.testkit.KernelConformance;
import java.util.Set;

/**
 * The CUDA kernels, emulated, against the reference, by themselves and through engines on a device;
 * and the list of what there is none for.
 */
class CudaConformanceTest extends KernelConformance {
  private static final int TILE = 64; // queries of a block of the tensor cores' kernel

  /** Block formats that are made on the device; the others take searches that are the host's. */
  private static final Set<DType> WRITTEN =
      Set.of(BlockType.Q8_0, BlockType.Q4_0, BlockType.Q4_1, BlockType.Q5_0, BlockType.Q5_1);

  private final EmulatedProvider provider = new EmulatedProvider();

  @Override
  protected KernelProvider provider() {
    return provider;
  }

  @Override
  protected int[] threads() {
    return new int[] {2}; // no threads of the pool run, but another order of blocks and threads
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

  @Override
  protected boolean declines(KernelSignature s) {
    return switch (s.op()) {
      case UnaryOp _, BinaryOp _, CompareOp _, DataOp.Where _, DataOp.Concat _ -> false;
      case ReduceOp _, NormOp _, NormGradOp _, ActivationGradOp _, LossOp _ -> false;
      case ScatterOp _, ScanOp _, CreateOp _, DropoutOp _, Rope _, DataOp.Gather _ -> false;
      case DataOp.IndexSelect _, DataOp.Embedding _ -> !rows(s, 0);
      case BufferOp.AdamW _ -> false;
      case Attention _ -> !rows(s, 1) || !rows(s, 2);
      case AttentionGradOp _ -> s.inputs().getFirst() != s.inputs().get(1);
      case MatMulOp _ -> false;
      case BufferOp.CacheWrite _ -> !rows(s, 0) || !rows(s, 1);
      case DataOp.Cast(DType to) -> to.isBlock() ? !WRITTEN.contains(to) : !rows(s, 0);
      case DataOp.Contiguous _ -> !rows(s, 0);
      case BufferOp.Assign _ -> !rows(s, 0) || !rows(s, 1);
      default -> true;
    };
  }

  private static boolean rows(KernelSignature s, int i) {
    return !s.inputs().get(i).isBlock() || s.layouts().get(i).compareTo(LayoutClass.ROWS) <= 0;
  }
}
