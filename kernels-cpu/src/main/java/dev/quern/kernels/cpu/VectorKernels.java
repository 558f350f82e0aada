package dev.quern.kernels.cpu;

import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelSignature;
import org.jspecify.annotations.Nullable;

/** The kernels by operation. */
final class VectorKernels implements KernelSource {
  /** Called by name. */
  VectorKernels() {}

  @Override
  public String description() {
    return "Vector API, " + Simd.F.vectorBitSize() + " bits";
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    return switch (signature.op()) {
      case MatMulOp op -> MatMulKernel.find(op, signature);
      case UnaryOp _, BinaryOp _, CompareOp _, DataOp.Where _, DataOp.Cast _ ->
          ElementKernel.find(signature);
      case ReduceOp op -> ReduceKernel.find(op, signature);
      case NormOp op -> NormKernel.find(op, signature);
      case AttentionOp.Rope op -> RopeKernel.find(op, signature);
      case AttentionOp.Attention _ -> AttentionKernel.find(signature);
      case DataOp.Embedding _ -> EmbeddingKernel.find(signature);
      case DataOp.Contiguous op -> CopyKernel.find(op, signature);
      case DataOp.Concat op -> CopyKernel.find(op, signature);
      case BufferOp.Assign op -> CopyKernel.find(op, signature);
      case BufferOp.CacheWrite _ -> CacheWriteKernel.find(signature);
      default -> null;
    };
  }

  @Override
  public @Nullable CeilingLoop ceiling(Ceiling ceiling) {
    return VectorCeiling.of(ceiling);
  }
}
