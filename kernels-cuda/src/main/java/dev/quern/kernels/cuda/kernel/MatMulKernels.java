package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.CublasLt;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Stopwatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products of scalar types: which kernel computes which. Where several can, the first call
 * of a shape measures them, into the memory of its result.
 */
final class MatMulKernels {
  /** Multiplications of a product that takes longer than its launch. */
  private static final double WORTH_MEASURING = 1 << 22;

  private final MatMulChoice choice;
  private final HopperMatMul hopper;
  private final SkinnyMatMul skinny;
  private final PortableMatMul portable;
  private final CublasLtMatMul cublasLt;
  private final EpilogueKernel epilogues;
  private final Tuner tuner;

  /**
   * The products of a device.
   *
   * @param choice whose kernels
   * @param loader loads cuBLASLt, if there is one
   */
  MatMulKernels(CudaDevice device, MatMulChoice choice, Supplier<Optional<CublasLt>> loader) {
    this.choice = choice;
    hopper = new HopperMatMul(device);
    skinny = new SkinnyMatMul(device);
    portable = new PortableMatMul(device);
    cublasLt = new CublasLtMatMul(device, loader);
    epilogues = new EpilogueKernel(device);
    Stopwatch watch = new Stopwatch(device);
    tuner = new Tuner(watch::millis, () -> !device.isCapturing());
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

  /** Whether the tensor cores take both operands as they are, or they may be rounded to BF16. */
  private static boolean onTensorCores(DType x, DType w, Precision precision) {
    boolean same = x == w && (x == ScalarType.F16 || x == ScalarType.BF16);
    boolean eight = w == ScalarType.F8_E4M3; // BF16 holds it exactly
    boolean rounds =
        (precision == Precision.BF16 && x != ScalarType.F64 && x != ScalarType.F16)
            || (precision == Precision.FAST && (w == ScalarType.BF16 || eight));
    return same || rounds || (eight && x != ScalarType.F32);
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
    if (!tensorCores) {
      return new NamedRunnable("exact", epilogues.after(portable.bind(p, false), p));
    }
    List<NamedRunnable> own = own(p, precision);
    boolean small = (double) p.results() * p.k() < WORTH_MEASURING;
    if (small && choice != MatMulChoice.CUBLASLT) {
      return own.getFirst();
    }
    List<NamedRunnable> others =
        choice == MatMulChoice.OWN
            ? List.of()
            : cublasLt.bind(p).stream().map(c -> finished(c, p)).toList();
    List<NamedRunnable> candidates = new ArrayList<>();
    if (choice != MatMulChoice.CUBLASLT || others.isEmpty()) {
      candidates.addAll(own);
    }
    candidates.addAll(others);
    return tuner.choose(Shape.of(p), candidates);
  }

  /**
   * Quern's kernels for a product on the tensor cores, the one that is likely the fastest first.
   */
  private List<NamedRunnable> own(Product p, Precision precision) {
    List<NamedRunnable> all = new ArrayList<>();
    if (SkinnyMatMul.takes(p)) {
      all.add(finished(skinny.bind(p), p));
    }
    if (hopper.takes(p, precision)) {
      all.addAll(hopper.bind(p));
    }
    if (all.isEmpty()) {
      all.add(finished(new NamedRunnable("mma", portable.bind(p, true)), p));
    }
    return all;
  }

  private NamedRunnable finished(NamedRunnable plain, Product p) {
    return new NamedRunnable(plain.name(), epilogues.after(plain.call(), p));
  }

  /** What a product's time depends on. */
  private record Shape(
      DType a, DType w, List<Long> extents, List<Long> steps, boolean bias, Epilogue.Kind kind) {
    static Shape of(Product p) {
      return new Shape(
          p.a().type(),
          p.w().type(),
          List.of(p.m(), p.n(), p.k(), p.batches()),
          List.of(p.a().row(), p.a().step(), p.w().row(), p.w().step()),
          p.bias() != 0,
          p.epilogue().kind());
    }
  }
}
