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
  private final AmpereMatMul ampere;
  private final StreamMatMul stream;
  private final PortableMatMul portable;
  private final CublasLtMatMul cublasLt;
  private final EpilogueKernel epilogues;
  private final ElementKernels elements;
  private final Tuner tuner;

  /**
   * The products of a device.
   *
   * @param elements casts
   * @param choice whose kernels
   * @param loader loads cuBLASLt, if there is one
   */
  MatMulKernels(
      CudaDevice device,
      ElementKernels elements,
      MatMulChoice choice,
      Supplier<Optional<CublasLt>> loader) {
    this.elements = elements;
    this.choice = choice;
    Workspace workspace = Workspace.of(device);
    hopper = new HopperMatMul(device, workspace);
    skinny = new SkinnyMatMul(device, workspace);
    ampere = new AmpereMatMul(device);
    stream = new StreamMatMul(device);
    portable = new PortableMatMul(device);
    cublasLt =
        device.shared(CublasLtMatMul.class, () -> new CublasLtMatMul(device, workspace, loader));
    epilogues = new EpilogueKernel(device);
    tuner =
        device.shared(
            Tuner.class,
            () -> new Tuner(new Stopwatch(device)::millis, () -> !device.isCapturing()));
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
    boolean linear = s.op() instanceof MatMulOp.Linear;
    return new CudaKernel(
        s.op().name() + how,
        this::bind,
        (in, _) -> roundingBytes(linear, s.precision(), in.getFirst(), in.get(1)));
  }

  /** Whether the tensor cores take both operands as they are, or they may be rounded to BF16. */
  private static boolean onTensorCores(DType x, DType w, Precision precision) {
    boolean eight = w == ScalarType.F8_E4M3; // BF16 holds it exactly
    boolean rounds =
        (precision == Precision.BF16 && x != ScalarType.F64 && x != ScalarType.F16)
            || (precision == Precision.FAST && (w == ScalarType.BF16 || eight));
    return is16Bit(x, w) || rounds || (eight && x != ScalarType.F32);
  }

  private static boolean is16Bit(DType x, DType w) {
    return x == w && (x == ScalarType.F16 || x == ScalarType.BF16);
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
                ? ProductOperands.linear(
                    a, w, bias ? args.input(2) : null, args.output(), Epilogue.NONE)
                : ProductOperands.matMul(a, w, args.output(), Epilogue.NONE),
            args.precision(),
            rounded(args, 0));
    return new NamedRunnable(args.op().name() + " cuda " + call.name(), call.call());
  }

  /** Rounded operands of a call, from a place of its working memory on. */
  RoundedOperands rounded(KernelArgs args, long from) {
    return new RoundedOperands(elements, args.scratch(), from);
  }

  /** Working memory for the rounded operands of a call's products that share x. */
  long roundingBytes(boolean linear, Precision precision, TensorView x, TensorView... weights) {
    long bytes = 0;
    boolean any = false;
    for (TensorView w : weights) {
      if (rounds(precision, x.dtype(), w.dtype(), rows(linear, x))) {
        any = true;
        bytes += RoundedOperands.bytes(w);
      }
    }
    return any ? bytes + RoundedOperands.bytes(x) : 0;
  }

  /**
   * Whether operands are rounded in memory: many rows of them, for kernels that read BF16 alone.
   * 8-bit floats are left to kernels that read them.
   */
  boolean rounds(Precision precision, DType x, DType w, long rows) {
    return rows > SkinnyMatMul.MOST_ROWS
        && onTensorCores(x, w, precision)
        && !is16Bit(x, w)
        && x != ScalarType.F8_E4M3
        && w != ScalarType.F8_E4M3;
  }

  private static long rows(boolean linear, TensorView x) {
    return linear ? x.shape().with(-1, 1).elements() : x.shape().dim(-2);
  }

  /** A product with results, by the kernel that suits its shape. */
  NamedRunnable bind(ProductOperands o, Precision precision, RoundedOperands rounded) {
    DType x = o.a().dtype();
    DType w = o.w().dtype();
    Product p = o.product();
    if (!onTensorCores(x, w, precision)) {
      return finished(
          StreamMatMul.takes(p)
              ? stream.bind(p)
              : new NamedRunnable("exact", portable.bind(p, false)),
          p);
    }
    if (!rounds(precision, x, w, rows(o.linear(), o.a()))) {
      return choose(p, own(p, precision), others(p));
    }
    ProductOperands both = bothRounded(o, rounded);
    Product q = both.product();
    List<NamedRunnable> ofRounded = Candidate.likeFirst(aligned(q, precision));
    List<NamedRunnable> others = others(q);
    List<NamedRunnable> own = ofRounded.isEmpty() ? own(p, precision) : ofRounded;
    NamedRunnable chosen = choose(p, own, others);
    if (ofRounded.isEmpty() && own.contains(chosen)) {
      return chosen;
    }
    return new NamedRunnable(
        chosen.name(),
        Launches.inOrder(
            List.of(
                rounded.write(o.a(), both.a()), rounded.write(o.w(), both.w()), chosen.call())));
  }

  private static ProductOperands bothRounded(ProductOperands o, RoundedOperands rounded) {
    TensorView right = rounded.of(o.w(), true);
    boolean together = right.layout().stride(-1) == 1;
    return o.with(rounded.of(o.a(), together != o.linear()), right);
  }

  /**
   * Where a product's left operand lies in BF16, if every kernel that may compute the product reads
   * it there: then it need not exist otherwise.
   */
  Optional<TensorView> leftRounded(
      ProductOperands o, Precision precision, RoundedOperands rounded) {
    DType x = o.a().dtype();
    if (x == ScalarType.BF16 || !rounds(precision, x, o.w().dtype(), rows(o.linear(), o.a()))) {
      return Optional.empty();
    }
    ProductOperands both = bothRounded(o, rounded);
    return onHopper(both.product(), precision).isEmpty() ? Optional.empty() : Optional.of(both.a());
  }

  /** By the setting; where that leaves several, by measurement. */
  private NamedRunnable choose(Product p, List<NamedRunnable> own, List<NamedRunnable> others) {
    if (choice == MatMulChoice.CUBLASLT && !others.isEmpty()) {
      return tuner.choose(new Asked(choice, Shape.of(p)), others);
    }
    if ((double) p.results() * p.k() < WORTH_MEASURING) {
      return own.getFirst();
    }
    List<NamedRunnable> candidates = new ArrayList<>(own);
    candidates.addAll(others);
    return tuner.choose(new Asked(choice, Shape.of(p)), candidates);
  }

  /** What cuBLASLt has for a product, if it is asked. */
  private List<NamedRunnable> others(Product p) {
    boolean small = (double) p.results() * p.k() < WORTH_MEASURING;
    if (choice == MatMulChoice.OWN || (small && choice != MatMulChoice.CUBLASLT)) {
      return List.of();
    }
    return cublasLt.bind(p).stream().map(c -> finished(c, p)).toList();
  }

  /**
   * Quern's kernels for a product on the tensor cores, the one that is likely the fastest first,
   * and no others than those that add in its order.
   */
  private List<NamedRunnable> own(Product p, Precision precision) {
    if (SkinnyMatMul.takes(p)) {
      return List.of(finished(skinny.bind(p), p));
    }
    List<Candidate> all = aligned(p, precision);
    return all.isEmpty()
        ? List.of(finished(new NamedRunnable("mma", portable.bind(p, true)), p))
        : Candidate.likeFirst(all);
  }

  /** The device's own for 16-bit operands whose rows lie as asynchronous copies want them. */
  private List<Candidate> aligned(Product p, Precision precision) {
    List<Candidate> all = onHopper(p, precision);
    return all.isEmpty() ? onAmpere(p) : all;
  }

  /** With their epilogues, in the kernel or after it. */
  private List<Candidate> onHopper(Product p, Precision precision) {
    if (!hopper.takes(p, precision)) {
      return List.of();
    }
    return HopperMatMul.finishes(p)
        ? hopper.bind(p)
        : hopper.bind(p.plain()).stream().map(c -> finished(c, p)).toList();
  }

  private List<Candidate> onAmpere(Product p) {
    return AmpereMatMul.takes(p)
        ? ampere.bind(p).stream().map(c -> finished(c, p)).toList()
        : List.of();
  }

  private Candidate finished(Candidate plain, Product p) {
    return new Candidate(finished(plain.call(), p), plain.order());
  }

  private NamedRunnable finished(NamedRunnable plain, Product p) {
    return new NamedRunnable(plain.name(), epilogues.after(plain.call(), p));
  }

  /** Engines of one device that choose among different kernels remember different ones. */
  private record Asked(MatMulChoice choice, Shape shape) {}

  /**
   * What a product's time depends on, but for its epilogue: fused or not, the same kernel computes
   * it, and results have the same bits.
   */
  private record Shape(DType a, DType w, List<Long> extents, List<Long> steps, boolean bias) {
    static Shape of(Product p) {
      return new Shape(
          p.a().type(),
          p.w().type(),
          List.of(p.m(), p.n(), p.k(), p.batches()),
          List.of(p.a().row(), p.a().step(), p.w().row(), p.w().step()),
          p.bias() != 0);
    }
  }
}
