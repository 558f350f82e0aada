package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Attention: few queries in {@code attention_split.cu}, many in {@code attention_mma.cu} where the
 * precision lets 8-bit and 16-bit keys meet tensor cores, {@code attention_hopper.cu} before it
 * where the device is Hopper and it {@linkplain HopperAttention#takes takes} the call, all others
 * in {@code attention.cu}. Its gradients: {@code attention_grad_mma.cu} under the same condition,
 * else {@code attention_grad.cu}.
 *
 * <p>Keys and values in pages are read where they are if the kernel's tiles fit into pages: their
 * size is a multiple of 32 rows, of 64 for {@code attention_mma.cu}, of 128 for {@code
 * attention_hopper.cu}. Else those that are seen are {@linkplain PageGather put together} first.
 */
final class AttentionKernels {
  /** Keys and values that tensor cores multiply, as they are or made F16. */
  private static final Set<DType> NARROW =
      Set.of(ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0);

  private static final int THREADS = 256;
  private static final int SPLIT_THREADS = 128;
  private static final int MMA_THREADS = 128;
  private static final int WARP = 32;
  private static final int OWN = 16;
  private static final int SPAN_BYTES = 512;
  private static final int KEYS = 32; // of a tile of attention_split.cu and attention.cu

  private final CudaDevice device;
  private final HopperAttention hopper;

  AttentionKernels(CudaDevice device) {
    this.device = device;
    hopper = new HopperAttention(device);
  }

  /** The kernel for a signature. */
  Kernel find(KernelSignature s) {
    boolean tensorCores = tensorCores(s);
    Attention op = (Attention) s.op();
    return new CudaKernel(
        s.op().name() + (tensorCores ? " cuda mma" : " cuda"),
        args -> attention(args, tensorCores),
        (in, _) -> scratchBytes(op, in, tensorCores));
  }

  /** The kernel for a gradient's signature. */
  Kernel findGradient(KernelSignature s) {
    boolean tensorCores = tensorCores(s);
    return new CudaKernel(
        s.op().name() + (tensorCores ? " cuda mma" : " cuda"),
        args -> gradient(args, tensorCores),
        (in, _) -> bytes(in));
  }

  /** Whether the precision allows what tensor cores round. */
  private static boolean tensorCores(KernelSignature s) {
    return NARROW.contains(s.inputs().get(1)) && s.precision() != Precision.EXACT;
  }

  private long scratchBytes(Attention op, List<TensorView> in, boolean tensorCores) {
    if (gathers(op, in, tensorCores)) {
      List<TensorView> together = PageGather.together(in, MemorySegment.NULL);
      return PageGather.bytes(in) + scratchBytes(op.withPages(false), together, tensorCores);
    }
    AttentionSplit split = split(op, in);
    return !inTiles(op, in, tensorCores) && fits(split, in) ? split.partialBytes() : 0;
  }

  /** Whether tiles of the kernel that would take a call don't fit into its pages. */
  private boolean gathers(Attention op, List<TensorView> in, boolean tensorCores) {
    int tile = inTiles(op, in, tensorCores) ? tiles(op, in).keys() : KEYS;
    return op.hasPages() && in.get(1).shape().dim(1) % tile != 0;
  }

  private static AttentionTiles tiles(Attention op, List<TensorView> in) {
    TensorView q = in.get(0);
    Shape k = AttentionParams.sequences(op, in, 1);
    return AttentionTiles.of(q.shape(), k, in.get(2).shape(), q.dtype());
  }

  private boolean inTiles(Attention op, List<TensorView> in, boolean tensorCores) {
    return tensorCores
        && !AttentionTiles.few(in.get(0).shape(), AttentionParams.sequences(op, in, 1))
        && tiles(op, in).fits(device.attribute(Attribute.SHARED_PER_BLOCK_OPTIN));
  }

  private static AttentionSplit split(Attention op, List<TensorView> in) {
    TensorView q = in.get(0);
    Shape k = AttentionParams.sequences(op, in, 1);
    return AttentionSplit.of(q.shape(), k, in.get(2).shape(), q.dtype(), in.get(1).dtype());
  }

  private boolean fits(AttentionSplit split, List<TensorView> in) {
    int room = device.attribute(Attribute.SHARED_PER_BLOCK_OPTIN);
    return split.fits(in.get(2).shape().dim(3), in.get(1).dtype(), room);
  }

  /** Keys and values are put together first, then attended to. */
  private Runnable gathered(KernelArgs args, boolean tensorCores) {
    MemorySegment scratch = args.scratch();
    KernelArgs together =
        new KernelArgs(
            ((Attention) args.op()).withPages(false),
            PageGather.together(args.inputs(), scratch),
            args.outputs(),
            args.precision(),
            args.pool(),
            scratch.asSlice(PageGather.bytes(args.inputs())));
    return Launches.inOrder(
        List.of(new PageGather(args).bind(device), attention(together, tensorCores)));
  }

  private Runnable attention(KernelArgs args, boolean tensorCores) {
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    Shape y = args.output().shape();
    if (y.elements() == 0) {
      return Launches.NOTHING;
    }
    Attention op = (Attention) args.op();
    if (gathers(op, args.inputs(), tensorCores)) {
      return gathered(args, tensorCores);
    }
    AttentionParams p = new AttentionParams(device, op, args);
    String types = Launches.name(q.dtype()) + "_" + Launches.name(k.dtype());
    if (inTiles(op, args.inputs(), tensorCores)) {
      if (hopper.takes(p)) {
        return named(p, "attention_hopper", hopper.bind(p));
      }
      AttentionTiles t = tiles(op, args.inputs());
      return inTiles(t, "attention_mma", "attention_mma" + t.depth() + "_" + types, p);
    }
    AttentionSplit split = split(op, args.inputs());
    if (fits(split, args.inputs())) {
      return split(split, p, types);
    }
    long blocks = tiles(rows(q, k)) * spans(q, y.dim(3));
    return inRows(blocks, "attention", "attention_" + types, p);
  }

  private Runnable split(AttentionSplit s, AttentionParams p, String types) {
    long heads = heads(p);
    List<Runnable> calls = new ArrayList<>();
    calls.add(
        Launches.of(
            device,
            "attention_split",
            "attention_split" + s.tileRows() + "_" + types,
            Grid.of(s.blocks() * heads, SPLIT_THREADS).withShared(s.sharedBytes()),
            p.of(s.blocks(), s.pieces(), s.tileRows())));
    if (s.pieces() > 1) {
      calls.add(
          Launches.of(
              device,
              "attention_split",
              "attention_join_" + Launches.name(p.args().input(0).dtype()),
              Grid.of(s.rows() * heads, SPLIT_THREADS),
              p.of(s.rows(), s.pieces(), s.tileRows())));
    }
    return named(p, "attention_split", Launches.inOrder(calls));
  }

  /** What {@code explain} says of a call: the operation, and the source that computes it. */
  private static NamedRunnable named(AttentionParams p, String source, Runnable call) {
    return new NamedRunnable(p.args().op().name() + " cuda " + source, call);
  }

  /** Working memory of the gradient: Σ g·y for each row. */
  private static long bytes(List<TensorView> inputs) {
    Shape q = inputs.getFirst().shape();
    return Math.max(1, q.dim(0) * q.dim(1) * q.dim(2)) * Double.BYTES;
  }

  private Runnable gradient(KernelArgs args, boolean tensorCores) {
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    if (q.shape().dim(0) == 0) {
      return Launches.NOTHING;
    }
    AttentionParams p = new AttentionParams(device, ((AttentionGrad) args.op()).attention(), args);
    String t = Launches.name(q.dtype());
    long all = q.shape().dim(0) * q.shape().dim(1) * q.shape().dim(2);
    Grid grid = Grid.of(Math.ceilDiv(Math.max(1, all), (long) THREADS / WARP), THREADS);
    String module = "attention_grad";
    Runnable deltas = Launches.of(device, module, "attention_delta_" + t, grid, p.of(1));
    Shape values = args.input(2).shape();
    AttentionTiles rows = AttentionTiles.ofGradient(rows(q, k), k.shape(), values);
    AttentionTiles keys = AttentionTiles.ofGradient(k.shape().dim(1), k.shape(), values);
    if (tensorCores && rows.fits(device.attribute(Attribute.SHARED_PER_BLOCK_OPTIN))) {
      String kernel = "attention_mma" + rows.depth();
      String source = "attention_grad_mma";
      Runnable queries = inTiles(rows, source, kernel + "_dq_" + t, p);
      Runnable others = inTiles(keys, source, kernel + "_dkv_" + t, p);
      return named(p, source, Launches.inOrder(List.of(deltas, queries, others)));
    }
    long spans = spans(q, q.shape().dim(3));
    long queryBlocks = tiles(rows(q, k)) * spans;
    long keyBlocks = tiles(k.shape().dim(1)) * (spans(q, values.dim(3)) + spans);
    Runnable queries = inRows(queryBlocks, module, "attention_dq_" + t, p);
    Runnable others = inRows(keyBlocks, module, "attention_dkv_" + t, p);
    return named(p, module, Launches.inOrder(List.of(deltas, queries, others)));
  }

  /** A kernel of {@code attention_tiles.cuh}. */
  private Runnable inTiles(AttentionTiles t, String module, String kernel, AttentionParams p) {
    Grid grid = Grid.of(t.blocks() * heads(p), MMA_THREADS).withShared(t.sharedBytes());
    return named(p, module, Launches.of(device, module, kernel, grid, p.of(t.blocks())));
  }

  /** A kernel of {@code attention.cuh}. */
  private Runnable inRows(long blocks, String module, String kernel, AttentionParams p) {
    Grid grid = Grid.of(blocks * heads(p), THREADS);
    return named(p, module, Launches.of(device, module, kernel, grid, p.of(blocks)));
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
  private static long heads(AttentionParams p) {
    Shape k = p.keys();
    return k.dim(0) * k.dim(2);
  }
}
