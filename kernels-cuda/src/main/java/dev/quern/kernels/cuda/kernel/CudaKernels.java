package dev.quern.kernels.cuda.kernel;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.SamplingOp;
import dev.quern.core.op.ScanOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.driver.CublasLt;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The kernels of one device: an operation's signature in, a binding of its source out. */
public final class CudaKernels implements KernelProvider {
  private static final int PRIORITY = 100;
  private static final int MAJOR = 1000; // of the driver's version

  private final ElementKernels elements;
  private final CopyKernels copies;
  private final BlockKernels blocks;
  private final ReduceKernels reductions;
  private final NormKernels norms;
  private final LossKernels losses;
  private final IndexKernels indices;
  private final ScanKernels scans;
  private final SampleKernels samples;
  private final StateKernels states;
  private final RopeKernels ropes;
  private final MatMulKernels products;
  private final BlockMatMulKernels blockProducts;
  private final FusedProducts fused;
  private final AttentionKernels attentions;

  /**
   * The kernels of a device.
   *
   * @param device where they run
   */
  public CudaKernels(CudaDevice device) {
    this(device, MatMulChoice.read(), () -> CublasLt.find(device.driver().version() / MAJOR));
  }

  /** With whose products, and how cuBLASLt is loaded. */
  CudaKernels(CudaDevice device, MatMulChoice choice, Supplier<Optional<CublasLt>> cublasLt) {
    elements = new ElementKernels(device);
    copies = new CopyKernels(device);
    blocks = new BlockKernels(device);
    reductions = new ReduceKernels(device);
    norms = new NormKernels(device);
    losses = new LossKernels(device);
    indices = new IndexKernels(device, copies);
    scans = new ScanKernels(device);
    samples = new SampleKernels(device);
    states = new StateKernels(device);
    ropes = new RopeKernels(device);
    products = new MatMulKernels(device, elements, choice, cublasLt);
    blockProducts = new BlockMatMulKernels(device, elements);
    fused = new FusedProducts(products);
    attentions = new AttentionKernels(device);
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String device() {
    return "cuda";
  }

  @Override
  public int priority() {
    return PRIORITY;
  }

  @Override
  public Probe probe() {
    return new Probe.Usable("kernels of this device");
  }

  @Override
  public @Nullable Kernel find(KernelSignature s) {
    Op op = s.op();
    return switch (op) {
      case UnaryOp _ -> kernel(s, elements::unary);
      case BinaryOp _ -> kernel(s, elements::binary);
      case CompareOp _ -> kernel(s, elements::compare);
      case DataOp.Where _ -> kernel(s, elements::where);
      case DataOp.Cast(DType to) -> cast(s, to);
      case DataOp.Contiguous _ -> rows(s, 0) ? kernel(s, copies::contiguous) : null;
      case DataOp.Concat _ -> kernel(s, copies::concat);
      case BufferOp.Assign _ -> rows(s, 0) && rows(s, 1) ? kernel(s, copies::assign) : null;
      case ReduceOp r ->
          new CudaKernel(name(s), reductions::reduce, (in, _) -> ReduceKernels.bytes(r, in));
      case NormOp.Softmax _, NormOp.LogSoftmax _ -> kernel(s, norms::softmax);
      case NormOp _ -> kernel(s, norms::norm);
      case NormGradOp _ -> new CudaKernel(name(s), norms::gradient, NormKernels::gradientBytes);
      case ActivationGradOp.SiluGrad _, ActivationGradOp.GeluGrad _ -> kernel(s, elements::slope);
      case ActivationGradOp _ -> kernel(s, elements::gate);
      case DataOp.IndexSelect _ -> rows(s, 0) ? kernel(s, indices::indexSelect) : null;
      case DataOp.Gather _ -> kernel(s, indices::gather);
      case DataOp.Embedding _ -> embedding(s);
      case ScatterOp.IndexAdd _ -> kernel(s, indices::indexAdd);
      case ScatterOp.ScatterAdd _ -> kernel(s, indices::scatterAdd);
      case ScatterOp.Fold _ -> kernel(s, indices::fold);
      case ScanOp.CumSum _ -> kernel(s, scans::cumSum);
      case ScanOp.ArgSort a ->
          new CudaKernel(name(s), scans::argSort, (in, _) -> ScanKernels.bytes(a, in.getFirst()));
      case SamplingOp.Sample o ->
          new CudaKernel(name(s), samples::sample, (in, _) -> SampleKernels.bytes(o, in));
      case CreateOp.Full _, CreateOp.Arange _ -> kernel(s, states::create);
      case CreateOp _ -> kernel(s, states::random);
      case DropoutOp _ -> kernel(s, states::dropout);
      case BufferOp.AdamW _ -> kernel(s, states::adamW);
      case BufferOp.CacheWrite _ -> cacheWrite(s);
      case LossOp.CrossEntropy _ ->
          new CudaKernel(name(s), losses::loss, (in, _) -> LossKernels.bytes(in));
      case LossOp.CrossEntropyGrad _ ->
          new CudaKernel(name(s), losses::gradient, (in, _) -> LossKernels.bytes(in));
      case AttentionOp.Rope _ -> kernel(s, ropes::rope);
      case MatMulOp _ when s.inputs().get(1).isBlock() -> blockProducts.find(s);
      case MatMulOp _ -> products.find(s);
      case FusedOp.NormGradAdd _ ->
          s.layouts().getLast() == LayoutClass.CONTIGUOUS
              ? new CudaKernel(name(s), norms::gradientAdd, NormKernels::gradientBytes)
              : null;
      case FusedOp.SquareSum _ ->
          s.allContiguous() && Launches.FLOATS.contains(s.inputs().getFirst())
              ? new CudaKernel(name(s), reductions::squares, ReduceKernels::squaresBytes)
              : null;
      case FusedOp.AddRmsNorm _ -> kernel(s, norms::addNorm);
      case FusedOp.RopeCacheWrite _ ->
          rows(s, 0) && RopeKernels.writes(s.inputs().get(1), s.inputs().get(0))
              ? kernel(s, ropes::ropeCacheWrite)
              : null;
      case FusedOp _ -> {
        Kernel ofBlocks = blockProducts.find(s);
        yield ofBlocks != null ? ofBlocks : fused.find(s);
      }
      case AttentionOp.Attention _ -> attention(s);
      case AttentionGradOp _ -> attentionGradient(s);
      default -> null;
    };
  }

  private @Nullable Kernel attention(KernelSignature s) {
    boolean rows = isRows(s, 1) && isRows(s, 2);
    boolean paged = ((AttentionOp.Attention) s.op()).hasPages();
    return rows || (!paged && rows(s, 1) && rows(s, 2)) ? attentions.find(s) : null;
  }

  private @Nullable Kernel attentionGradient(KernelSignature s) {
    DType q = s.inputs().getFirst();
    return q == s.inputs().get(1) ? attentions.findGradient(s) : null;
  }

  private @Nullable Kernel cacheWrite(KernelSignature s) {
    return rows(s, 0) && rows(s, 1) ? kernel(s, states::cacheWrite) : null;
  }

  private @Nullable Kernel cast(KernelSignature s, DType to) {
    DType from = s.inputs().getFirst();
    if (from == to) {
      return rows(s, 0) ? kernel(s, copies::contiguous) : null;
    }
    if (!from.isBlock() && !to.isBlock()) {
      return kernel(s, elements::cast);
    }
    return BlockKernels.casts(from, to) && rows(s, 0) ? kernel(s, blocks::cast) : null;
  }

  private @Nullable Kernel embedding(KernelSignature s) {
    DType table = s.inputs().getFirst();
    if (!table.isBlock()) {
      return kernel(s, indices::embedding);
    }
    boolean taken =
        BlockKernels.reads(table) && rows(s, 0) && s.outputs().getFirst() == ScalarType.F32;
    return taken ? kernel(s, blocks::embedding) : null;
  }

  /** Whether an input's blocks run along its last axis, if it has blocks. */
  private static boolean rows(KernelSignature s, int i) {
    return !s.inputs().get(i).isBlock() || isRows(s, i);
  }

  private static boolean isRows(KernelSignature s, int i) {
    return s.layouts().get(i).compareTo(LayoutClass.ROWS) <= 0;
  }

  private static Kernel kernel(KernelSignature s, Function<KernelArgs, Runnable> binder) {
    return new CudaKernel(name(s), binder);
  }

  private static String name(KernelSignature s) {
    return s.op().name() + " cuda";
  }
}
