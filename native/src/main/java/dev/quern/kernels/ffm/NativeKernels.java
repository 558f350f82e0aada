package dev.quern.kernels.ffm;

import dev.quern.core.memory.PageMover;
import dev.quern.core.op.AttentionGradOp;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.FusedProduct;
import dev.quern.core.op.LossOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.ScatterOp;
import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * CPU kernels written in C, in tiers of the instruction set: baseline, AVX2, AVX-512, AMX. Each
 * kernel runs in its best tier that processor and operating system allow.
 *
 * <ul>
 *   <li>{@code -Dquern.native.tier=avx2} caps the tier.
 *   <li>{@code -Dquern.native.dir=FOLDER} says where the library is unpacked to; otherwise {@code
 *       java.io.tmpdir}, then the user's cache folder.
 * </ul>
 */
public final class NativeKernels implements KernelProvider {

  /** For {@link java.util.ServiceLoader}. */
  public NativeKernels() {}

  @Override
  public String name() {
    return "native";
  }

  @Override
  public int priority() {
    return 200;
  }

  @Override
  public Probe probe() {
    return NativeLibrary.shared().probe();
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    Functions functions = NativeLibrary.shared().functions();
    return functions == null ? null : find(functions, signature);
  }

  @Override
  public @Nullable CeilingLoop ceiling(Ceiling ceiling) {
    Functions functions = NativeLibrary.shared().functions();
    return functions == null ? null : NativeCeiling.of(functions, ceiling);
  }

  @Override
  public @Nullable PageMover pageMover() {
    Functions functions = NativeLibrary.shared().functions();
    return functions == null ? null : functions::moveToLargePages;
  }

  @Override
  public boolean largePages(MemorySegment memory) {
    Functions functions = NativeLibrary.shared().functions();
    return functions != null && functions.largePages(memory);
  }

  /** A kernel from given functions. */
  static @Nullable Kernel find(Functions functions, KernelSignature s) {
    return switch (s.op()) {
      case MatMulOp _ -> {
        Kernel product = ProductKernel.of(functions, s);
        yield product != null ? product : GemmKernel.of(functions, s);
      }
      case FusedOp.NormGradAdd op -> NormGradKernel.of(functions, op.gradient(), s);
      case FusedOp.SquareSum _ -> SumKernel.ofSquares(functions, s);
      case FusedProduct op -> JoinedKernel.of(functions, op, s);
      case FusedOp.AddRmsNorm _, FusedOp.RopeCacheWrite _ -> null;
      case FusedOp op -> FusedKernel.of(functions, op, s);
      case AttentionOp.Attention _ -> AttentionKernel.of(functions, s);
      case AttentionOp.Rope _ -> RopeKernel.of(functions, s);
      case DataOp.Embedding _ -> EmbeddingKernel.of(functions, s);
      case BufferOp.CacheWrite _ -> CacheWriteKernel.of(functions, s);
      case BufferOp.AdamW _ -> AdamWKernel.of(functions, s);
      case LossOp op -> LossKernel.of(functions, op, s);
      case NormGradOp op -> NormGradKernel.of(functions, op, s);
      case AttentionGradOp.AttentionGrad op -> AttentionGradKernel.of(functions, op, s);
      case DropoutOp.Dropout _ -> DropoutKernel.of(functions, s);
      case ReduceOp.Sum _ -> SumKernel.of(functions, s);
      case ScatterOp.IndexAdd _ -> IndexAddKernel.of(functions, s);
      default -> {
        Kernel k = RowKernel.of(functions, s);
        k = k != null ? k : ElementwiseKernel.of(functions, s);
        yield k != null ? k : CastKernel.of(functions, s);
      }
    };
  }
}
