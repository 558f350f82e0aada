package dev.quern.kernels.cpu;

import dev.quern.core.op.MatMulOp;
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
      default -> null;
    };
  }
}
