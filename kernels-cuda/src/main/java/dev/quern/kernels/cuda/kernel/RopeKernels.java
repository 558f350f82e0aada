package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Lines.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.Arrays;

/** Rotary embeddings, also into a cache: {@code rope.cu}, {@code rope_cache.cu}. */
final class RopeKernels {
  private static final int THREADS = 256;

  private final CudaDevice device;

  RopeKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable rope(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView positions = args.input(1);
    TensorView frequencies = args.input(2);
    TensorView y = args.output();
    if (x.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Shape tokens = positions.shape();
    long d = x.shape().dim(-1);
    long half = frequencies.shape().dim(0);
    Lines lines =
        Lines.alone(tokens, d - half, tokens(y), tokens(x), Operand.each(positions, tokens));
    Params p =
        lines
            .write(new Params())
            .address(Launches.start(frequencies))
            .int64(frequencies.layout().stride(0))
            .int64(x.layout().stride(-2))
            .int64(x.layout().stride(-1))
            .int32(Math.toIntExact(x.shape().dim(-2)))
            .int32(Math.toIntExact(d))
            .int32((int) half)
            .int32(((AttentionOp.Rope) args.op()).interleaved() ? 1 : 0)
            .int32(positions.dtype() == ScalarType.I64 ? 1 : 0);
    Grid grid = Grid.over(tokens.elements() * (d - half), THREADS);
    return Launches.of(device, "rope", "rope_" + Launches.name(x.dtype()), grid, p);
  }

  /** Whether rows of a type are rotated into a cache of another at once. */
  static boolean writes(DType rows, DType cache) {
    boolean same = rows == cache && (cache == ScalarType.F16 || cache == ScalarType.BF16);
    return rows == ScalarType.F32 || same;
  }

  Runnable ropeCacheWrite(KernelArgs args) {
    TensorView cache = args.input(0);
    TensorView x = args.input(1);
    TensorView positions = args.input(2);
    TensorView frequencies = args.input(3);
    Shape shape = x.shape();
    if (shape.elements() == 0) {
      return Launches.NOTHING;
    }
    int unit = cache.dtype().blockBytes();
    FusedOp.RopeCacheWrite op = (FusedOp.RopeCacheWrite) args.op();
    TensorView pages = op.hasPages() ? args.input(5) : null;
    long[] strides = CacheRows.strides(cache, unit, 2, op.hasPages());
    Operand target = new Operand(Launches.start(cache), unit, strides, 0);
    Shape tokens = positions.shape();
    Lines lines =
        Lines.alone(tokens, shape.dim(3), target, tokens(x), Operand.each(positions, tokens));
    Params p = lines.write(new Params());
    CacheRows.write(p, device, cache, unit, args.input(4), pages, shape.dim(1));
    p.address(Launches.start(frequencies))
        .int64(frequencies.layout().stride(0))
        .int64(x.layout().stride(2))
        .int64(x.layout().stride(3))
        .int64(cache.strideBytes(2) / unit)
        .int64(cache.dtype().isBlock() ? 1 : cache.strideBytes(3) / unit)
        .int32(Math.toIntExact(shape.dim(2)))
        .int32(Math.toIntExact(frequencies.shape().dim(0)))
        .int32(op.interleaved() ? 1 : 0)
        .int32(positions.dtype() == ScalarType.I64 ? 1 : 0);
    Grid grid = Grid.over(tokens.elements() * shape.dim(3), THREADS);
    String kernel = "rope_cache_" + Launches.name(x.dtype()) + "_" + Launches.name(cache.dtype());
    return Launches.of(device, "rope_cache", kernel, grid, p);
  }

  private static Operand tokens(TensorView x) {
    Layout l = x.layout();
    long[] strides = Arrays.copyOf(l.strides(), l.shape().rank() - 2);
    return new Operand(Launches.start(x), x.dtype().blockBytes(), strides, 0);
  }
}
