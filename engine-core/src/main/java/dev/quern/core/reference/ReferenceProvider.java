package dev.quern.core.reference;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.op.BatchNormOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CompareOp;
import dev.quern.core.op.ConvOp;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.NormOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.PoolOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.SamplingOp;
import dev.quern.core.op.ScanOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.op.ShapeOp;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Precision;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The kernels of last resort: every operation but views (which need none) and custom operations
 * (which bring their own), every dtype, any strides. Under {@link Precision#FAST} they compute
 * EXACT, and their names say so.
 *
 * <p>Not a service: engines add it to the providers that they find.
 */
public final class ReferenceProvider implements KernelProvider {
  /** A provider; all are alike. */
  public ReferenceProvider() {}

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public int priority() {
    return 0;
  }

  @Override
  public Probe probe() {
    return new Probe.Usable("scalar, any layout, F64 inside");
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    Op op = signature.op();
    return switch (op) {
      case UnaryOp _ -> kernel(op, UnaryKernels::bind);
      case BinaryOp _ -> kernel(op, BinaryKernels::bind);
      case ActivationGradOp _ -> kernel(op, ActivationGradKernels::bind);
      case CompareOp _ -> kernel(op, CompareKernels::bind);
      case ReduceOp _ -> kernel(op, ReduceKernels::bind);
      case ScanOp _ -> kernel(op, ScanKernels::bind);
      case SamplingOp _ -> kernel(op, SampleKernel::bind);
      case MatMulOp _ ->
          new ReferenceKernel(
              op.name()
                  + " reference"
                  + (signature.precision() != Precision.EXACT ? " (exact)" : ""),
              MatMulKernels::bind);
      case DataOp _ -> kernel(op, DataKernels::bind);
      case ScatterOp _ -> kernel(op, ScatterKernels::bind);
      case CreateOp _ -> kernel(op, CreateKernels::bind);
      case DropoutOp _ -> kernel(op, DropoutKernel::bind);
      case NormOp _ -> kernel(op, NormKernels::bind);
      case NormGradOp _ -> kernel(op, NormGradKernels::bind);
      case BatchNormOp _ -> kernel(op, BatchNormKernels::bind);
      case ConvOp _ -> kernel(op, ConvKernels::bind);
      case PoolOp _ -> kernel(op, PoolKernels::bind);
      case Attention _ -> kernel(op, AttentionKernel::bind);
      case AttentionGradOp _ -> kernel(op, AttentionGradKernel::bind);
      case Rope _ -> kernel(op, RopeKernel::bind);
      case LossOp _ -> kernel(op, LossKernels::bind);
      case BufferOp _ -> kernel(op, BufferKernels::bind);
      case CustomOp _, ShapeOp _, FusedOp _ -> null;
    };
  }

  private static Kernel kernel(Op op, Function<KernelArgs, Runnable> binder) {
    return new ReferenceKernel(op.name() + " reference", binder);
  }
}
