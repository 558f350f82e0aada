package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.BufferOp.Assign;
import dev.quern.core.op.BufferOp.CacheWrite;
import dev.quern.core.spi.KernelArgs;

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
    Elements in = Elements.of(rows);
    Elements out = Elements.of(cache);
    for (int b = 0; b < batch; b++) {
      var source = rows.layout().slice(0, b, 1, 1);
      var target = cache.layout().slice(0, b, 1, 1).slice(1, first[b], count, 1);
      Strided w = Strided.over(source.shape(), source, target);
      for (long i = 0; i < source.shape().elements(); i++, w.next()) {
        out.set(w.at(1), in.get(w.at(0)));
      }
    }
  }
}
