package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.DropoutOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.DType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Walk.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;

/**
 * Values from nothing, chance, the optimiser's step, and writes to caches: {@code create.cu},
 * {@code dropout.cu}, {@code adamw.cu}, {@code cache_write.cu}.
 */
final class StateKernels {
  private static final int THREADS = 256;
  private static final int QUAD = 4;
  private static final int GROUP_BYTES = 16;
  private static final int UNIT_BYTES = 2;

  private final CudaDevice device;

  StateKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable create(KernelArgs args) {
    TensorView y = args.output();
    long n = y.shape().elements();
    if (n == 0) {
      return Launches.NOTHING;
    }
    double start = args.op() instanceof CreateOp.Full f ? f.value() : 0;
    double step = 0;
    if (args.op() instanceof CreateOp.Arange a) {
      start = a.start();
      step = a.step();
    }
    boolean exact =
        args.op() instanceof CreateOp.Arange
            && !y.dtype().isFloating()
            && start == (long) start
            && step == (long) step;
    Params p =
        new Params()
            .address(Launches.start(y))
            .int64(n)
            .float64(start)
            .float64(step)
            .int64((long) start)
            .int64((long) step)
            .int32(exact ? 1 : 0);
    String kernel = "create_" + Launches.name(y.dtype());
    return Launches.of(device, "create", kernel, quads(n), p);
  }

  Runnable random(KernelArgs args) {
    TensorView y = args.output();
    TensorView seed = args.input(0);
    long n = y.shape().elements();
    if (n == 0) {
      return Launches.NOTHING;
    }
    Params p =
        new Params()
            .address(Launches.start(y))
            .address(Launches.start(seed))
            .int64(seed.layout().stride(0))
            .int64(n)
            .int32(args.op() instanceof CreateOp.RandomNormal ? 1 : 0);
    return Launches.of(device, "create", "random_" + Launches.name(y.dtype()), quads(n), p);
  }

  private static Grid quads(long n) {
    return Grid.over(Math.ceilDiv(n, QUAD), THREADS);
  }

  Runnable dropout(KernelArgs args) {
    float probability = ((DropoutOp.Dropout) args.op()).p();
    TensorView x = args.input(0);
    TensorView seed = args.input(1);
    List<Runnable> calls = new ArrayList<>();
    int group = GROUP_BYTES / x.dtype().blockBytes();
    for (Walk w : Walk.over(x.shape(), group, Operand.of(args.output()), Operand.of(x))) {
      calls.add(
          Launches.over(
              device,
              "dropout",
              "dropout_" + Launches.name(x.dtype()),
              List.of(w),
              p ->
                  p.address(Launches.start(seed))
                      .int64(seed.layout().stride(0))
                      .int64(w.first())
                      .float64(1 / (1 - (double) probability))
                      .float32(probability)));
    }
    return Launches.inOrder(calls);
  }

  Runnable adamW(KernelArgs args) {
    BufferOp.AdamW op = (BufferOp.AdamW) args.op();
    DType t = args.input(0).dtype();
    TensorView scalars = args.input(4);
    List<Walk> walks =
        Walk.over(
            args.input(0).shape(),
            GROUP_BYTES / t.blockBytes(),
            Operand.of(args.input(0)),
            Operand.of(args.input(1)),
            Operand.of(args.input(2)),
            Operand.of(args.input(3)));
    return Launches.over(
        device,
        "adamw",
        "adamw_" + Launches.name(t),
        walks,
        p ->
            p.address(Launches.start(scalars))
                .address(Launches.start(args.input(5)))
                .int64(scalars.layout().stride(0))
                .float64(op.beta1())
                .float64(op.beta2())
                .float64(1 - op.beta1())
                .float64(1 - op.beta2())
                .float64(op.eps()));
  }

  Runnable cacheWrite(KernelArgs args) {
    TensorView cache = args.input(0);
    TensorView rows = args.input(1);
    TensorView starts = args.input(2);
    boolean paged = ((BufferOp.CacheWrite) args.op()).hasPages();
    Shape shape = rows.shape();
    if (shape.elements() == 0) {
      return Launches.NOTHING;
    }
    DType to = cache.dtype();
    boolean same = to == rows.dtype();
    int moved = to.isBlock() ? UNIT_BYTES : to.blockBytes();
    int unit = same ? moved : to.blockBytes();
    int axes = shape.rank() - 1;
    Lines.Operand target = tokens(cache, unit, CacheRows.strides(cache, unit, axes, paged));
    int sourceUnit = same ? moved : rows.dtype().blockBytes();
    Lines.Operand source =
        tokens(rows, sourceUnit, CacheRows.strides(rows, sourceUnit, axes, false));
    long n = shape.dim(3);
    long units = same ? to.bytes(n) / moved : n;
    Lines lines = Lines.warps(shape.remove(3), units, target, source);
    Params p = lines.write(new Params());
    TensorView pages = paged ? args.input(3) : null;
    CacheRows.write(p, device, cache, unit, starts, pages, shape.dim(1));
    p.int32(Math.toIntExact(shape.dim(2)));
    String kernel = "cache_write_" + (same ? moved : "f32_" + Launches.name(to));
    return Launches.of(device, "cache_write", kernel, lines.grid(), p);
  }

  /** The rows of a view [b, t, h, d], in units of some bytes. */
  private static Lines.Operand tokens(TensorView x, int unit, long... strides) {
    return new Lines.Operand(
        Launches.start(x), unit, strides, x.dtype().isBlock() ? 1 : x.strideBytes(3) / unit);
  }
}
