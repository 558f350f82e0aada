package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.BufferOp.AdamW;
import dev.quern.core.op.BufferOp.Assign;
import dev.quern.core.op.BufferOp.CacheWrite;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.PageTable;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.Layout;
import org.jspecify.annotations.Nullable;

/** {@link BufferOp}: writes to inputs. */
final class BufferKernels {
  private BufferKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((BufferOp) args.op()) {
      case Assign _ -> () -> Units.copyAll("assign", args.input(1), args.input(0));
      case CacheWrite(boolean hasPages) -> {
        PageTable pages = hasPages ? new PageTable(args.input(3), args.input(0)) : null;
        yield () -> cacheWrite(args.input(0), args.input(1), args.input(2), pages);
      }
      case AdamW op -> () -> adamW(op, args);
    };
  }

  /** cache[b, starts[b] + t, h, d] ← rows[b, t, h, d]; nothing is written if a row has no place. */
  private static void cacheWrite(
      TensorView cache, TensorView rows, TensorView starts, @Nullable PageTable pages) {
    Elements at = Elements.of(starts);
    long count = rows.shape().dim(1);
    long capacity = pages == null ? cache.shape().dim(1) : pages.rows();
    long batch = rows.shape().dim(0);
    long[] first = new long[Math.toIntExact(batch)];
    for (int b = 0; b < batch; b++) {
      first[b] = at.getLong(starts.layout().offset() + b * starts.layout().stride(0));
      CacheWrite.requireRoom(b, first[b], count, capacity);
      if (pages != null) {
        pages.check("cacheWrite", b, first[b], first[b] + count);
      }
    }
    for (int b = 0; b < batch; b++) {
      TensorView source = part(rows, rows.layout().slice(0, b, 1, 1));
      if (pages == null) {
        write(source, part(cache, cache.layout().slice(0, b, 1, 1).slice(1, first[b], count, 1)));
        continue;
      }
      for (long t = 0; t < count; t++) {
        long row = first[b] + t;
        Layout place = cache.layout().slice(0, pages.page(b, row), 1, 1);
        write(
            part(source, source.layout().slice(1, t, 1, 1)),
            part(cache, place.slice(1, pages.within(row), 1, 1)));
      }
    }
  }

  private static void write(TensorView source, TensorView target) {
    if (target.dtype() == source.dtype()) {
      Units.copyAll("cacheWrite", source, target);
    } else if (target.dtype() instanceof BlockType to) {
      CastKernel.quantize(source, target, BlockCodecs.of(to));
    } else {
      round(source, target);
    }
  }

  private static void adamW(AdamW op, KernelArgs args) {
    TensorView parameter = args.input(0);
    TensorView gradient = args.input(1);
    TensorView mean = args.input(2);
    TensorView square = args.input(3);
    double[] s = new double[4];
    TensorView scalars = args.input(4);
    Elements.of(scalars).read(scalars.layout().offset(), scalars.layout().stride(0), s, 0, 4);
    double scale = Elements.of(args.input(5)).get(args.input(5).layout().offset());
    if (!Double.isFinite(scale)) {
      return;
    }
    Slices.over(
        args.pool(),
        parameter.shape().elements(),
        Slices.ELEMENTS,
        (from, to) -> {
          Elements ps = Elements.of(parameter);
          Elements gs = Elements.of(gradient);
          Elements ms = Elements.of(mean);
          Elements vs = Elements.of(square);
          Strided at =
              Strided.over(
                      parameter.shape(),
                      parameter.layout(),
                      gradient.layout(),
                      mean.layout(),
                      square.layout())
                  .seek(from);
          for (long i = from; i < to; i++, at.next()) {
            double g = gs.get(at.at(1)) * scale;
            double m = op.beta1() * ms.get(at.at(2)) + (1 - op.beta1()) * g;
            double v = op.beta2() * vs.get(at.at(3)) + (1 - op.beta2()) * g * g;
            double step = s[0] * s[2] * m / (Math.sqrt(v) * s[3] + op.eps());
            ps.set(at.at(0), ps.get(at.at(0)) * (1 - s[1]) - step);
            ms.set(at.at(2), m);
            vs.set(at.at(3), v);
          }
        });
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
