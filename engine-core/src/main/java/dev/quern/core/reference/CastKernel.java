package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/** {@link dev.quern.core.op.DataOp.Cast}: conversion, quantisation, dequantisation. */
final class CastKernel {
  private static final int ROWS_PER_SLICE = 4;

  private CastKernel() {}

  static Runnable bind(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView y = args.output();
    if (x.dtype() == y.dtype()) {
      return () -> Units.copyAll("cast", x, y);
    }
    if (y.dtype() instanceof BlockType to) {
      BlockCodec codec = BlockCodecs.of(to);
      return () -> quantize(args, codec);
    }
    Elements.of(x);
    Elements out = Elements.of(y);
    boolean floating = x.dtype().isFloating();
    Shape shape = y.shape();
    return () ->
        Slices.over(
            args.pool(),
            shape.elements(),
            Slices.ELEMENTS,
            (from, to) -> {
              Elements in = Elements.of(x);
              Strided w = Strided.over(shape, x.layout(), y.layout()).seek(from);
              for (long i = from; i < to; i++, w.next()) {
                convert(floating, in, w.at(0), out, w.at(1));
              }
            });
  }

  /** One element to another dtype, rounded once. */
  static void convert(boolean floating, Elements from, long source, Elements to, long target) {
    if (floating) {
      to.set(target, from.get(source));
    } else {
      to.setLong(target, from.getLong(source));
    }
  }

  private static void quantize(KernelArgs args, BlockCodec codec) {
    TensorView x = args.input(0);
    TensorView y = args.output();
    Slices.over(
        args.pool(),
        Strided.leading(x.layout(), 1).shape().elements(),
        ROWS_PER_SLICE,
        (from, to) -> quantize(x, y, codec, from, to));
  }

  /**
   * All rows along the last axis as blocks; y's blocks run along that axis, x may have any strides.
   */
  static void quantize(TensorView x, TensorView y, BlockCodec codec) {
    quantize(x, y, codec, 0, Strided.leading(x.layout(), 1).shape().elements());
  }

  private static void quantize(TensorView x, TensorView y, BlockCodec codec, long from, long to) {
    Layout rows = Strided.leading(x.layout(), 1);
    Layout targets = Strided.leading(y.layout(), 1);
    int n = Math.toIntExact(x.shape().dim(-1));
    long step = x.layout().stride(-1);
    Elements in = Elements.of(x);
    float[] row = new float[n];
    Strided w = Strided.over(rows.shape(), rows, targets).seek(from);
    for (long r = from; r < to; r++, w.next()) {
      for (int i = 0; i < n; i++) {
        row[i] = (float) in.get(w.at(0) + i * step);
      }
      codec.quantize(row, 0, y.segment(), y.dtype().bytes(w.at(1)), n);
    }
  }
}
