package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Attention with streaming softmax: {@link AttentionTask}. */
record AttentionKernel(DType cache) implements Kernel {
  /** The kernel for a call, or null for F64. */
  static @Nullable Kernel find(KernelSignature s) {
    boolean known = s.inputs().subList(0, 3).stream().allMatch(Convert::handles);
    return known ? new AttentionKernel(s.inputs().get(1)) : null;
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
