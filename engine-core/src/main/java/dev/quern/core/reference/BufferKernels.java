package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.BufferOp.Assign;
import dev.quern.core.op.BufferOp.CacheWrite;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.Layout;

/** {@link BufferOp}: writes to input 0. */
final class BufferKernels {
  private BufferKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((BufferOp) args.op()) {
      case Assign _ -> () -> Units.copyAll("assign", args.input(1), args.input(0));
      case CacheWrite _ -> () -> cacheWrite(args.input(0), args.input(1), args.input(2));
    };
  }

  /** cache[b, starts[b] + t, h, d] ← rows[b, t, h, d]; nothing is written if a row has no place. */
  private static void cacheWrite(TensorView cache, TensorView rows, TensorView starts) {
    Elements at = Elements.of(starts);
    long count = rows.shape().dim(1);
    long capacity = cache.shape().dim(1);
    long batch = cache.shape().dim(0);
    long[] first = new long[Math.toIntExact(batch)];
    for (int b = 0; b < batch; b++) {
      first[b] = at.getLong(starts.layout().offset() + b * starts.layout().stride(0));
      CacheWrite.requireRoom(b, first[b], count, capacity);
    }
    for (int b = 0; b < batch; b++) {
      TensorView source = part(rows, rows.layout().slice(0, b, 1, 1));
      TensorView target =
          part(cache, cache.layout().slice(0, b, 1, 1).slice(1, first[b], count, 1));
      if (cache.dtype() == rows.dtype()) {
        Units.copyAll("cacheWrite", source, target);
      } else if (cache.dtype() instanceof BlockType to) {
        CastKernel.quantize(source, target, BlockCodecs.of(to));
      } else {
        round(source, target);
      }
    }
  }

  private static TensorView part(TensorView x, Layout layout) {
    return new TensorView(x.dtype(), layout, x.segment());
  }

  private static void round(TensorView from, TensorView to) {
    Elements in = Elements.of(from);
    Elements out = Elements.of(to);
    Strided w = Strided.over(from.shape(), from.layout(), to.layout());
    for (long i = 0; i < from.shape().elements(); i++, w.next()) {
      out.set(w.at(1), in.get(w.at(0)));
    }
  }
}
