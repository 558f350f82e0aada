package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * MatMul of F32 by F32 or F64 by F64 with any strides: y[..., m, n] = Σₖ a[..., m, k] · b[..., k,
 * n]. Slices: batch, {@value #ROWS} rows, {@value #COLUMNS} columns. F32 of some size with AMX is
 * {@link TileGemm}'s.
 */
final class GemmKernel implements Kernel {
  private static final long ROWS = 512;
  private static final long COLUMNS = 128;

  private final Functions functions;
  private final Functions.Function function;
  private final boolean wide;
  private final Precision precision;

  private GemmKernel(Functions functions, boolean wide, Precision precision) {
    this.functions = functions;
    this.function = functions.get(wide ? "gemm_f64" : "gemm_f32");
    this.wide = wide;
    this.precision = precision;
  }

  /** The kernel for a signature, or null if it isn't one of these products. */
  static @Nullable GemmKernel of(Functions functions, KernelSignature s) {
    DType a = s.inputs().get(0);
    boolean taken = a == s.inputs().get(1) && (a == ScalarType.F32 || a == ScalarType.F64);
    return taken && s.op() instanceof MatMulOp.MatMul
        ? new GemmKernel(functions, a == ScalarType.F64, s.precision())
        : null;
  }

  @Override
  public String name() {
    String plain = "matMul " + (wide ? "F64 " : "F32 ") + function.tier().suffix();
    boolean tiles = !wide && functions.find("gemm_bf16_f32").isPresent();
    return tiles ? plain + ", of some size amx " + precision : plain;
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    TileOperands o = TileOperands.matMul(in.get(0), in.get(1), out.getFirst());
    if (inRanges(o)) {
      return RangeGemm.scratchBytes(o);
    }
    return inTiles(o) ? TileGemm.scratchBytes(o, precision) : 0;
  }

  private boolean inTiles(TileOperands o) {
    return !wide && TileGemm.takes(functions, o, precision);
  }

  private boolean inRanges(TileOperands o) {
    return inTiles(o) && RangeGemm.takes(functions, o, precision);
  }

  @Override
  public Runnable bind(KernelArgs args) {
    TileOperands o = TileOperands.matMul(args.input(0), args.input(1), args.output());
    if (inRanges(o)) {
      return new RangeGemm(functions, o, args.output().base(), args.scratch()).call(args.pool());
    }
    if (inTiles(o)) {
      var result = TileGemm.Result.of(args.output().base());
      return new TileGemm(functions, o, precision, result, args.scratch())
          .alone(functions, args.pool());
    }
    return new Call(functions, function, wide, args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final int bytes;
    private final MemorySegment a; // (..., m, k), from its segment's start
    private final MemorySegment b; // (..., k, n), likewise
    private final MemorySegment y; // (..., m, n), no gaps
    private final long[] aOffsets;
    private final long[] bOffsets;
    private final long aRow;
    private final long aK;
    private final long bK;
    private final long bColumn;
    private final long m;
    private final long n;
    private final long k;
    private final long scratchBytes;
    private final int rowSlices;
    private final int columnSlices;
    private final TaskPool pool;
    private final TaskPool.Task task = this::multiply;

    Call(Functions functions, Functions.Function function, boolean wide, KernelArgs args) {
      this.function = function.address();
      this.bytes = wide ? Double.BYTES : Float.BYTES;
      TensorView left = args.input(0);
      TensorView right = args.input(1);
      Shape s = args.output().shape();
      Shape batch = s.slice(0, s.rank() - 2);
      a = left.segment();
      b = right.segment();
      y = args.output().base();
      m = s.dim(-2);
      n = s.dim(-1);
      k = left.shape().dim(-1);
      // Matrices of no k have strides, and no memory.
      int batches = Math.toIntExact(batch.elements());
      aOffsets = k == 0 ? new long[batches] : Batches.positions(batch, left);
      bOffsets = k == 0 ? new long[batches] : Batches.positions(batch, right);
      aRow = k == 0 ? 0 : left.layout().stride(-2);
      aK = left.layout().stride(-1);
      bK = right.layout().stride(-2);
      // The stride of an axis of extent 1 means nothing, and 1 is what the kernel likes.
      bColumn = n == 1 ? 1 : right.layout().stride(-1);
      rowSlices = Math.toIntExact((m + ROWS - 1) / ROWS);
      columnSlices = Math.toIntExact((n + COLUMNS - 1) / COLUMNS);
      scratchBytes = functions.productScratchBytes(k);
      pool = args.pool();
    }

    @Override
    public void run() {
      pool.parallelFor(
          Math.multiplyExact(Math.multiplyExact(aOffsets.length, rowSlices), columnSlices), task);
    }

    private void multiply(int slice) {
      int column = slice % columnSlices;
      int rest = slice / columnSlices;
      int batch = rest / rowSlices;
      long row = rest % rowSlices * ROWS;
      long n0 = column * COLUMNS;
      MemorySegment scratch = Scratch.take(scratchBytes);
      Calls.gemm(
          function,
          a.asSlice(aOffsets[batch] + row * aRow * bytes),
          aRow,
          aK,
          b.asSlice(bOffsets[batch]),
          bK,
          bColumn,
          y.asSlice((batch * m + row) * n * bytes),
          n,
          Math.min(ROWS, m - row),
          n0,
          Math.min(n0 + COLUMNS, n),
          k,
          scratch);
      Scratch.give(scratch);
    }
  }
}
