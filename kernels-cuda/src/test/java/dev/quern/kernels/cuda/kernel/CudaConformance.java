package dev.quern.kernels.cuda.kernel;

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
import dev.quern.core.op.SamplingOp;
import dev.quern.core.op.ScanOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.testkit.KernelConformance;
import java.util.Set;

/**
 * The CUDA kernels of a device against the reference, by themselves and through engines; and the
 * list of what there is none for.
 */
abstract class CudaConformance extends KernelConformance {
  /** Block formats that are made on the device; the others take searches that are the host's. */
  private static final Set<DType> WRITTEN =
      Set.of(BlockType.Q8_0, BlockType.Q4_0, BlockType.Q4_1, BlockType.Q5_0, BlockType.Q5_1);

  private final DeviceKernels kernels;

  CudaConformance(CudaDevice device) {
    kernels = new DeviceKernels(device);
  }

  @Override
  protected KernelProvider provider() {
    return kernels;
  }

  @Override
  protected int[] threads() {
    return new int[] {2}; // the kernels once more: no threads of the pool run them
  }

  @Override
  protected boolean declines(KernelSignature s) {
    return switch (s.op()) {
      case UnaryOp _, BinaryOp _, CompareOp _, DataOp.Where _, DataOp.Concat _ -> false;
      case ReduceOp _, NormOp _, NormGradOp _, ActivationGradOp _, LossOp _ -> false;
      case ScatterOp _, ScanOp _, CreateOp _, DropoutOp _, Rope _, DataOp.Gather _ -> false;
      case DataOp.IndexSelect _, DataOp.Embedding _ -> !rows(s, 0);
      case BufferOp.AdamW _, SamplingOp _ -> false;
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
