package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products of scalar types: {@code matmul_tiled.cu} where F32 must stay F32, {@code
 * matmul_mma.cu} where both operands have 16 bits or may be rounded to BF16.
 */
final class MatMulKernels {
  private static final int SMALL_TILE = 64;
  private static final int LARGE_TILE = 128;
  private static final int TILED_THREADS = 256;
  private static final int SMALL_THREADS = 128;
  private static final int LARGE_THREADS = 256;
  private static final int ENOUGH_BLOCKS = 128; // large tiles for which a device is busy
  private static final int MOST_BATCH = 65_535;

  private final CudaDevice device;

  MatMulKernels(CudaDevice device) {
    this.device = device;
  }

  /** The kernel for a signature, or null for block types. */
  @Nullable Kernel find(KernelSignature s) {
    DType x = s.inputs().get(0);
    DType w = s.inputs().get(1);
    if (x.isBlock() || w.isBlock()) {
      return null;
    }
    boolean same = x == w && (x == ScalarType.F16 || x == ScalarType.BF16);
    boolean rounds =
        (s.precision() == Precision.BF16 && x != ScalarType.F64 && x != ScalarType.F16)
            || (s.precision() == Precision.FAST && w == ScalarType.BF16);
    boolean tensorCores = same || rounds;
    String how =
        tensorCores ? " cuda mma" : s.precision() == Precision.EXACT ? " cuda" : " cuda (exact)";
    return new CudaKernel(s.op().name() + how, args -> bind(args, tensorCores));
  }

  /** A product as the kernels take it: rows, columns, and a batch beside them. */
  record Product(
      long m, long n, long k, long aRow, long aStep, long wColumn, long wStep, Axes batch) {

    static Product matMul(TensorView a, TensorView b, Shape c) {
      int rank = c.rank();
      Shape batch = c.slice(0, rank - 2);
      Layout left =
          a.layout().expand(batch.concat(a.shape().slice(-2 + a.shape().rank(), a.shape().rank())));
      Layout right =
          b.layout().expand(batch.concat(b.shape().slice(-2 + b.shape().rank(), b.shape().rank())));
      return new Product(
          c.dim(-2),
          c.dim(-1),
          a.shape().dim(-1),
          a.layout().stride(-2),
          a.layout().stride(-1),
          b.layout().stride(-1),
          b.layout().stride(-2),
          Axes.of(
              batch,
              Arrays.copyOf(left.strides(), rank - 2),
              Arrays.copyOf(right.strides(), rank - 2)));
    }

    /** The rows of x are what merges of its axes; the others are a batch that shares the weight. */
    static Product linear(TensorView x, TensorView w) {
      int last = x.shape().rank() - 1;
      Axes rows = Axes.of(x.shape().slice(0, last), Arrays.copyOf(x.layout().strides(), last));
      int inner = rows.rank() - 1;
      long[] dims = Arrays.copyOf(rows.dims(), inner);
      Axes batch =
          Axes.of(Shape.of(dims), Arrays.copyOf(rows.strides()[0], inner), new long[inner]);
      return new Product(
          rows.dims()[inner],
          w.shape().dim(0),
          w.shape().dim(1),
          rows.strides()[0][inner],
          x.layout().stride(-1),
          w.layout().stride(0),
          w.layout().stride(1),
          batch);
    }

    long batches() {
      return Arrays.stream(batch.dims()).reduce(1, (a, b) -> a * b);
    }
  }

  private Runnable bind(KernelArgs args, boolean tensorCores) {
    TensorView a = args.input(0);
    TensorView w = args.input(1);
    TensorView c = args.output();
    if (c.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    boolean linear = args.op() instanceof MatMulOp.Linear;
    Product p = linear ? Product.linear(a, w) : Product.matMul(a, w, c.shape());
    TensorView bias =
        args.op() instanceof MatMulOp.Linear(boolean has) && has ? args.input(2) : null;
    String types = Launches.name(a.dtype()) + "_" + Launches.name(w.dtype());
    long blocks =
        Math.ceilDiv(p.m(), (long) LARGE_TILE)
            * Math.ceilDiv(p.n(), (long) LARGE_TILE)
            * p.batches();
    boolean large = tensorCores && blocks >= ENOUGH_BLOCKS;
    int tile = large ? LARGE_TILE : SMALL_TILE;
    String kernel = tensorCores ? (large ? "matmul_mma_large_" : "matmul_mma_") : "matmul_";
    int threads = tensorCores ? (large ? LARGE_THREADS : SMALL_THREADS) : TILED_THREADS;
    List<Runnable> calls = new ArrayList<>();
    for (long first = 0; first < p.batches(); first += MOST_BATCH) {
      Grid grid =
          new Grid(
              Math.toIntExact(Math.ceilDiv(p.n(), (long) tile)),
              Math.toIntExact(Math.ceilDiv(p.m(), (long) tile)),
              (int) Math.min(MOST_BATCH, p.batches() - first),
              threads,
              0);
      calls.add(
          Launches.of(
              device,
              tensorCores ? "matmul_mma" : "matmul_tiled",
              kernel + types,
              grid,
              params(p, a, w, bias, c, first)));
    }
    return Launches.inOrder(calls);
  }

  private static Params params(
      Product p, TensorView a, TensorView w, @Nullable TensorView bias, TensorView c, long first) {
    Params s =
        new Params()
            .address(Launches.start(a))
            .address(Launches.start(w))
            .address(bias == null ? 0 : Launches.start(bias))
            .address(Launches.start(c))
            .int64s(p.aRow(), p.aStep(), p.wColumn(), p.wStep())
            .int64(bias == null ? 0 : bias.layout().stride(0))
            .int32(Math.toIntExact(p.m()))
            .int32(Math.toIntExact(p.n()))
            .int32(Math.toIntExact(p.k()))
            .int32(p.batch().rank());
    p.batch().writeDims(s, p.batch().rank());
    p.batch().writeStrides(s, 0, p.batch().rank());
    p.batch().writeStrides(s, 1, p.batch().rank());
    return s.int32((int) first).int32(0);
  }
}
