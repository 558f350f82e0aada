package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention: few queries in {@code attention_split.cu}, many in {@code attention_mma.cu} where the
 * precision lets 16-bit keys meet tensor cores, all others in {@code attention.cu}. Its gradients:
 * {@code attention_grad.cu}.
 */
final class AttentionKernels {
  private static final int THREADS = 256;
  private static final int SPLIT_THREADS = 128;
  private static final int MMA_THREADS = 128;
  private static final int WARP = 32;
  private static final int OWN = 16;
  private static final int SPAN_BYTES = 512;

  private final CudaDevice device;

  AttentionKernels(CudaDevice device) {
    this.device = device;
  }

  /** The kernel for a signature. */
  Kernel find(KernelSignature s) {
    DType keys = s.inputs().get(1);
    boolean tensorCores =
        (keys == ScalarType.F16 || keys == ScalarType.BF16) && s.precision() != Precision.EXACT;
    return new CudaKernel(
        s.op().name() + (tensorCores ? " cuda mma" : " cuda"),
        args -> attention(args, tensorCores),
        (in, _) -> partialBytes(in, tensorCores));
  }

  /** The kernel for a gradient's signature. */
  Kernel findGradient(KernelSignature s) {
    return new CudaKernel(s.op().name() + " cuda", this::gradient, (in, _) -> bytes(in));
  }

  private long partialBytes(List<TensorView> in, boolean tensorCores) {
    AttentionSplit split = split(in);
    return !inTiles(in, tensorCores) && fits(split, in) ? split.partialBytes() : 0;
  }

  private static AttentionTiles tiles(List<TensorView> in) {
    TensorView q = in.get(0);
    return AttentionTiles.of(q.shape(), in.get(1).shape(), in.get(2).shape(), q.dtype());
  }

  private boolean inTiles(List<TensorView> in, boolean tensorCores) {
    return tensorCores
        && !AttentionTiles.few(in.get(0).shape(), in.get(1).shape())
        && tiles(in).fits(device.attribute(Attribute.SHARED_PER_BLOCK_OPTIN));
  }

  private static AttentionSplit split(List<TensorView> in) {
    TensorView q = in.get(0);
    TensorView k = in.get(1);
    return AttentionSplit.of(q.shape(), k.shape(), in.get(2).shape(), q.dtype(), k.dtype());
  }

  private boolean fits(AttentionSplit split, List<TensorView> in) {
    int room = device.attribute(Attribute.SHARED_PER_BLOCK_OPTIN);
    return split.fits(in.get(2).shape().dim(3), in.get(1).dtype(), room);
  }

  private Runnable attention(KernelArgs args, boolean tensorCores) {
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    Shape y = args.output().shape();
    if (y.elements() == 0) {
      return Launches.NOTHING;
    }
    AttentionParams p = new AttentionParams(device, (Attention) args.op(), args);
    String types = Launches.name(q.dtype()) + "_" + Launches.name(k.dtype());
    if (inTiles(args.inputs(), tensorCores)) {
      AttentionTiles t = tiles(args.inputs());
      return Launches.of(
          device,
          "attention_mma",
          "attention_mma" + t.depth() + "_" + types,
          Grid.of(t.blocks() * heads(k), MMA_THREADS).withShared(t.sharedBytes()),
          p.of(t.blocks()));
    }
    AttentionSplit split = split(args.inputs());
    if (fits(split, args.inputs())) {
      return split(split, p, types);
    }
    long blocks = tiles(rows(q, k)) * spans(q, y.dim(3));
    String kernel = "attention_" + types;
    return Launches.of(device, "attention", kernel, grid(blocks, k), p.of(blocks));
  }

  private Runnable split(AttentionSplit s, AttentionParams p, String types) {
    TensorView k = p.args().input(1);
    List<Runnable> calls = new ArrayList<>();
    calls.add(
        Launches.of(
            device,
            "attention_split",
            "attention_split" + s.tileRows() + "_" + types,
            Grid.of(s.blocks() * heads(k), SPLIT_THREADS).withShared(s.sharedBytes()),
            p.of(s.blocks(), s.pieces(), s.tileRows())));
    if (s.pieces() > 1) {
      calls.add(
          Launches.of(
              device,
              "attention_split",
              "attention_join_" + Launches.name(p.args().input(0).dtype()),
              Grid.of(s.rows() * heads(k), SPLIT_THREADS),
              p.of(s.rows(), s.pieces(), s.tileRows())));
    }
    return Launches.inOrder(calls);
  }

  /** Working memory of the gradient: Σ g·y for each row. */
  private static long bytes(List<TensorView> inputs) {
    Shape q = inputs.getFirst().shape();
    return Math.max(1, q.dim(0) * q.dim(1) * q.dim(2)) * Double.BYTES;
  }

  private Runnable gradient(KernelArgs args) {
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    if (q.shape().dim(0) == 0) {
      return Launches.NOTHING;
    }
    AttentionParams p = new AttentionParams(device, ((AttentionGrad) args.op()).attention(), args);
    String t = Launches.name(q.dtype());
    long d = q.shape().dim(3);
    long dv = args.input(2).shape().dim(3);
    long all = q.shape().dim(0) * q.shape().dim(1) * q.shape().dim(2);
    long queries = tiles(rows(q, k)) * spans(q, d);
    long keys = tiles(k.shape().dim(1)) * (spans(q, dv) + spans(q, d));
    Grid deltas = Grid.of(Math.ceilDiv(Math.max(1, all), (long) THREADS / WARP), THREADS);
    String module = "attention_grad";
    return Launches.inOrder(
        List.of(
            Launches.of(device, module, "attention_delta_" + t, deltas, p.of(1)),
            Launches.of(device, module, "attention_dq_" + t, grid(queries, k), p.of(queries)),
            Launches.of(device, module, "attention_dkv_" + t, grid(keys, k), p.of(keys))));
  }

  /** Rows of queries that share a key head. */
  private static long rows(TensorView q, TensorView k) {
    return q.shape().dim(1) * q.shape().dim(2) / k.shape().dim(2);
  }

  private static long tiles(long rows) {
    return Math.max(1, Math.ceilDiv(rows, (long) OWN));
  }

  private static long spans(TensorView q, long columns) {
    int bytes = q.dtype() == ScalarType.F64 ? Double.BYTES : Float.BYTES;
    return Math.max(1, Math.ceilDiv(columns, (long) SPAN_BYTES / bytes));
  }

  /** Key heads of all sequences. */
  private static long heads(TensorView k) {
    return k.shape().dim(0) * k.shape().dim(2);
  }

  /** So many blocks for each sequence and key head. */
  private static Grid grid(long blocks, TensorView k) {
    return Grid.of(blocks * heads(k), THREADS);
  }
}
