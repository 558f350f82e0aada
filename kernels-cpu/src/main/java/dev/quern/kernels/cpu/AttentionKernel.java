package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.GatheredAttention;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Attention with streaming softmax: {@link AttentionTask}. */
record AttentionKernel(DType cache) implements Kernel {
  /** The kernel for a call, or null for F64 and for blocks that don't run along the heads. */
  static @Nullable Kernel find(KernelSignature s) {
    if (s.op() instanceof Attention op && op.hasPages()) {
      return GatheredAttention.of(s, AttentionKernel::find);
    }
    DType kv = s.inputs().get(1);
    boolean blocks =
        kv == BlockType.Q8_0
            && s.layouts().get(1).compareTo(LayoutClass.ROWS) <= 0
            && s.layouts().get(2).compareTo(LayoutClass.ROWS) <= 0;
    boolean known = Convert.handles(s.inputs().getFirst()) && (Convert.converts(kv) || blocks);
    return known ? new AttentionKernel(kv) : null;
  }

  @Override
  public String name() {
    return "attention kv-" + cache.name().toLowerCase(java.util.Locale.ROOT) + " vector";
  }

  @Override
  public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    return AttentionShape.of(inputs).scratchBytes();
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new AttentionTask((Attention) args.op(), args);
  }
}
