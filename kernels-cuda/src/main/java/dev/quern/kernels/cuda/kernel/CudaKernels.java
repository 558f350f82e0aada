package dev.quern.kernels.cuda.kernel;

import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.DType;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The kernels of one device: an operation's signature in, a binding of its source out. */
public final class CudaKernels implements KernelProvider {
  private static final int PRIORITY = 100;

  private final ElementKernels elements;
  private final CopyKernels copies;
  private final ReduceKernels reductions;
  private final NormKernels norms;

  /**
   * The kernels of a device.
   *
   * @param device where they run
   */
  public CudaKernels(CudaDevice device) {
    elements = new ElementKernels(device);
    copies = new CopyKernels(device);
    reductions = new ReduceKernels(device);
    norms = new NormKernels(device);
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
      default -> null;
    };
  }

  private @Nullable Kernel cast(KernelSignature s, DType to) {
    DType from = s.inputs().getFirst();
    if (from == to) {
      return rows(s, 0) ? kernel(s, copies::contiguous) : null;
    }
    return from.isBlock() || to.isBlock() ? null : kernel(s, elements::cast);
  }

  /** Whether an input's blocks run along its last axis, if it has blocks. */
  private static boolean rows(KernelSignature s, int i) {
    return !s.inputs().get(i).isBlock() || s.layouts().get(i).compareTo(LayoutClass.ROWS) <= 0;
  }

  private static Kernel kernel(KernelSignature s, Function<KernelArgs, Runnable> binder) {
    return new CudaKernel(name(s), binder);
  }

  private static String name(KernelSignature s) {
    return s.op().name() + " cuda";
  }
}
