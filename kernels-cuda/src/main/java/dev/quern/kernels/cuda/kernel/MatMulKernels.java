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
  private final SkinnyMatMul skinny;
  private final PortableMatMul portable;
  private final EpilogueKernel epilogues;

  MatMulKernels(CudaDevice device) {
    hopper = new HopperMatMul(device);
    skinny = new SkinnyMatMul(device);
    portable = new PortableMatMul(device);
    epilogues = new EpilogueKernel(device);
  }

  /** The kernel for a signature, or null for block types. */
  @Nullable Kernel find(KernelSignature s) {
    DType x = s.inputs().get(0);
    DType w = s.inputs().get(1);
    if (x.isBlock() || w.isBlock()) {
      return null;
    }
    boolean tensorCores = onTensorCores(x, w, s.precision());
    String how =
        tensorCores ? " cuda mma" : s.precision() == Precision.EXACT ? " cuda" : " cuda (exact)";
    return new CudaKernel(s.op().name() + how, this::bind);
  }

  /** Whether both operands have 16 bits of one type, or may be rounded to BF16. */
  private static boolean onTensorCores(DType x, DType w, Precision precision) {
    boolean same = x == w && (x == ScalarType.F16 || x == ScalarType.BF16);
    boolean rounds =
        (precision == Precision.BF16 && x != ScalarType.F64 && x != ScalarType.F16)
            || (precision == Precision.FAST && w == ScalarType.BF16);
    return same || rounds;
  }

  private Runnable bind(KernelArgs args) {
    TensorView c = args.output();
    if (c.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    TensorView a = args.input(0);
    TensorView w = args.input(1);
    NamedRunnable call =
        bind(
            args.op() instanceof MatMulOp.Linear(boolean bias)
                ? Product.linear(a, w, bias ? args.input(2) : null, c, Epilogue.NONE)
                : Product.matMul(a, w, c, Epilogue.NONE),
            args.precision());
    return new NamedRunnable(args.op().name() + " cuda " + call.name(), call.call());
  }

  /** A product with results, by the kernel that suits its shape. */
  NamedRunnable bind(Product p, Precision precision) {
    boolean tensorCores = onTensorCores(p.a().type(), p.w().type(), precision);
    List<NamedRunnable> candidates = new ArrayList<>();
    if (tensorCores && SkinnyMatMul.takes(p)) {
      NamedRunnable plain = skinny.bind(p);
      candidates.add(new NamedRunnable(plain.name(), epilogues.after(plain, p)));
    }
    if (tensorCores && hopper.takes(p)) {
      candidates.addAll(hopper.bind(p));
    }
    if (candidates.isEmpty()) {
      Runnable plain = portable.bind(p, tensorCores);
      candidates.add(new NamedRunnable(tensorCores ? "mma" : "exact", epilogues.after(plain, p)));
    }
    return candidates.getFirst();
  }
}
