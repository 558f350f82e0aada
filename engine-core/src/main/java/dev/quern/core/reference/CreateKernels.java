package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.CreateOp.Arange;
import dev.quern.core.op.CreateOp.Full;
import dev.quern.core.op.CreateOp.RandomNormal;
import dev.quern.core.op.CreateOp.RandomUniform;
import dev.quern.core.op.Philox;
import dev.quern.core.spi.KernelArgs;
import java.util.function.LongConsumer;

/** {@link CreateOp}: y[i] from i alone. */
final class CreateKernels {
  private CreateKernels() {}

  static Runnable bind(KernelArgs args) {
    TensorView y = args.output();
    Elements out = Elements.of(y);
    long base = y.layout().offset();
    return switch ((CreateOp) args.op()) {
      case Full(var _, var _, double value) -> each(args, i -> out.set(base + i, value));
      case Arange(var _, double start, double step, long _) -> {
        boolean exact = !y.dtype().isFloating() && start == (long) start && step == (long) step;
        yield each(
            args,
            exact
                ? i -> out.setLong(base + i, (long) start + i * (long) step)
                : i -> out.set(base + i, start + i * step));
      }
      case RandomUniform _ -> {
        Elements seed = Elements.of(args.input(0));
        long at = args.input(0).layout().offset();
        long step = args.input(0).layout().stride(0);
        yield each(
            args,
            i -> {
              long block = seed.getLong(at + step) + i / 4;
              int word = Philox.word(seed.getLong(at), block, (int) (i % 4));
              out.set(base + i, (word >>> 8) * 0x1p-24);
            });
      }
      case RandomNormal _ -> {
        Elements seed = Elements.of(args.input(0));
        long at = args.input(0).layout().offset();
        long step = args.input(0).layout().stride(0);
        yield each(
            args,
            i -> {
              long block = seed.getLong(at + step) + i / 4;
              int pair = (int) (i % 4) & 2;
              long u = Integer.toUnsignedLong(Philox.word(seed.getLong(at), block, pair));
              long v = Integer.toUnsignedLong(Philox.word(seed.getLong(at), block, pair + 1));
              double r = Math.sqrt(-2 * StrictMath.log((u + 1) * 0x1p-32));
              double theta = 2 * Math.PI * v * 0x1p-32;
              out.set(base + i, r * (i % 2 == 0 ? StrictMath.cos(theta) : StrictMath.sin(theta)));
            });
      }
    };
  }

  private static Runnable each(KernelArgs args, LongConsumer body) {
    return () ->
        Slices.over(
            args.pool(),
            args.output().shape().elements(),
            Slices.ELEMENTS,
            (from, to) -> {
              for (long i = from; i < to; i++) {
                body.accept(i);
              }
            });
  }
}
