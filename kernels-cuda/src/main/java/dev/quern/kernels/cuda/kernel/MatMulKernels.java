package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Matrix products of scalar types: which kernel computes which. */
final class MatMulKernels {
  private final HopperMatMul hopper;
  private final PortableMatMul portable;

  MatMulKernels(CudaDevice device) {
    hopper = new HopperMatMul(device);
    portable = new PortableMatMul(device);
  }

  /** The kernel for a signature, or null for block types. */
  @Nullable Kernel find(KernelSignature s) {
    DType x = s.inputs().get(0);
    DType w = s.inputs().get(1);
    if (x.isBlock() || w.isBlock()) {
      return null;
    }
    boolean same = x == w && (x == ScalarType.F16 || x == ScalarType.BF16);
    boolean rounds =
        (s.precision() == Precision.BF16 && x != ScalarType.F64 && x != ScalarType.F16)
            || (s.precision() == Precision.FAST && w == ScalarType.BF16);
    boolean tensorCores = same || rounds;
    String how =
        tensorCores ? " cuda mma" : s.precision() == Precision.EXACT ? " cuda" : " cuda (exact)";
    return new CudaKernel(s.op().name() + how, args -> bind(args, tensorCores));
  }

  private Runnable bind(KernelArgs args, boolean tensorCores) {
    TensorView c = args.output();
    if (c.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    TensorView a = args.input(0);
    TensorView w = args.input(1);
    Product p =
        args.op() instanceof MatMulOp.Linear(boolean bias)
            ? Product.linear(a, w, bias ? args.input(2) : null, c, Epilogue.NONE)
            : Product.matMul(a, w, c, Epilogue.NONE);
    List<NamedRunnable> candidates = new ArrayList<>();
    if (tensorCores && hopper.takes(p)) {
      candidates.addAll(hopper.bind(p));
    }
    if (candidates.isEmpty()) {
      return portable.bind(p, tensorCores);
    }
    NamedRunnable first = candidates.getFirst();
    return new NamedRunnable(args.op().name() + " cuda " + first.name(), first.call());
  }
}
