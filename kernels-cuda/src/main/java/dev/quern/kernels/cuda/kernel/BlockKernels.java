package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.Set;

/** Blocks to scalars and back: {@code dequantize.cu} and {@code quantize.cu}. */
final class BlockKernels {
  /** The formats that are read: those of {@code dequant.cuh}. */
  private static final Set<DType> READ =
      Set.of(
          BlockType.Q8_0,
          BlockType.Q4_0,
          BlockType.Q4_1,
          BlockType.Q5_0,
          BlockType.Q5_1,
          BlockType.IQ4_NL,
          BlockType.Q2_K,
          BlockType.Q3_K,
          BlockType.Q4_K,
          BlockType.Q5_K,
          BlockType.Q6_K,
          BlockType.IQ4_XS);

  /** The formats that are written; the others take searches that are the host's. */
  private static final Set<DType> WRITTEN =
      Set.of(BlockType.Q8_0, BlockType.Q4_0, BlockType.Q4_1, BlockType.Q5_0, BlockType.Q5_1);

  private static final Set<DType> SCALARS = Set.of(ScalarType.F32, ScalarType.F16, ScalarType.BF16);
  private static final int THREADS = 256;
  private static final int WARP = 32;
  private static final int RUN = 16;
  private static final int RUNS = 32; // of a row, that a warp takes

  private final CudaDevice device;

  BlockKernels(CudaDevice device) {
    this.device = device;
  }

  /** Whether a format's blocks can be read, by these kernels and in products. */
  static boolean reads(DType type) {
    return READ.contains(type);
  }

  /** Whether there is a conversion, one side of which is a block type. */
  static boolean casts(DType from, DType to) {
    return from.isBlock()
        ? reads(from) && SCALARS.contains(to)
        : SCALARS.contains(from) && WRITTEN.contains(to);
  }

  Runnable cast(KernelArgs args) {
    return args.input(0).dtype().isBlock() ? dequantize(args) : quantize(args);
  }

  private Runnable dequantize(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView y = args.output();
    Shape rows = y.shape().remove(-1);
    Lines.Operand source = new Lines.Operand(Launches.start(x), 1, rowStrides(x), 0);
    Lines.Operand none = new Lines.Operand(0, 1, new long[rows.rank()], 0);
    return dequantize(x, y, rows, source, none, 0, false);
  }

  /** Rows of a table in blocks. */
  Runnable embedding(KernelArgs args) {
    TensorView table = args.input(0);
    TensorView ids = args.input(1);
    Shape rows = ids.shape();
    Lines.Operand source = new Lines.Operand(Launches.start(table), 1, new long[rows.rank()], 0);
    return dequantize(
        table,
        args.output(),
        rows,
        source,
        Lines.Operand.each(ids, rows),
        table.shape().dim(0),
        ids.dtype() == ScalarType.I64);
  }

  private Runnable dequantize(
      TensorView x,
      TensorView y,
      Shape rows,
      Lines.Operand source,
      Lines.Operand ids,
      long extent,
      boolean wide) {
    if (y.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    long runs = y.shape().dim(-1) / RUN;
    Lines lines = Lines.warps(rows, runs, Lines.Operand.along(y, -1), source, ids);
    Params p =
        lines
            .write(new Params())
            .address(device.status())
            .int64(device.site("embedding", "ids"))
            .int64(extent)
            .int64(extent == 0 ? 0 : x.strideBytes(0))
            .int32(wide ? 1 : 0)
            .int32(ElementKernels.number((ScalarType) y.dtype()));
    long warps = lines.count() * Math.ceilDiv(runs, (long) RUNS);
    Grid grid = Grid.over(warps * WARP, THREADS);
    return Launches.of(device, "dequantize", "dequantize_" + Launches.name(x.dtype()), grid, p);
  }

  private Runnable quantize(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView y = args.output();
    if (y.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Lines lines =
        Lines.warps(
            y.shape().remove(-1),
            y.shape().dim(-1),
            new Lines.Operand(Launches.start(y), 1, rowStrides(y), 0),
            Lines.Operand.along(x, -1));
    Params p =
        lines
            .write(new Params())
            .int32(ElementKernels.number((ScalarType) x.dtype()))
            .int32(y.dtype().blockBytes());
    String kernel = "quantize_" + Launches.name(y.dtype());
    return Launches.of(device, "quantize", kernel, lines.grid(), p);
  }

  /** Bytes between rows of blocks, one number for each axis but the last. */
  private static long[] rowStrides(TensorView x) {
    long[] strides = new long[x.shape().rank() - 1];
    for (int a = 0; a < strides.length; a++) {
      strides[a] = x.strideBytes(a);
    }
    return strides;
  }
}
