package dev.quern.kernels.ffm;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.IntFunction;

/**
 * Attention of one query to each sequence, a step of decoding: a stream of K and V ({@code
 * attention_step.c}, not rounded in any precision).
 *
 * <p>A slice is a sequence, a piece of {@value #PIECE} keys and as many K/V heads as make about
 * {@value #SLICE} elements; what pieces accumulated is joined at the end. Steps of up to {@value
 * #INLINE} elements are not worth waking anybody. All cuts go by lengths and shapes.
 */
final class AttentionStep implements Runnable {
  private static final long PIECE = 256;
  private static final long SLICE = 16 * 1024;
  private static final long INLINE = 32 * 1024;

  /** Query heads to a K/V head up to which this beats tiles. */
  private static final long GROUP = 8;

  private final AttentionOperands x;
  private final MemorySegment step;
  private final MemorySegment join;
  private final MemorySegment parameters; // (b) quern_attention_args, in scratch
  private final MemorySegment described; // (1) the same, on the heap, for each run to copy
  private final Slices partial; // (b, pieces, h, width) F32, in scratch
  private final MemorySegment[] each; // (b) of the parameters
  private final MemorySegment[] queries; // (b, hkv) and so on: slices, made once
  private final MemorySegment[] keys;
  private final MemorySegment[] values;
  private final MemorySegment[] masks;
  private final MemorySegment[] outs; // (b)
  private final MemorySegment[] sums; // (b)
  private final long width;
  private final int heads; // of K and V
  private final int most; // pieces of the longest sequence that fits
  private final long[] from; // (b) first visible key
  private final long[] to; // (b) one past the last
  private final long scratchBytes;
  private final TaskPool pool;
  private final TaskPool.Task task = this::attend;
  private int headsTogether = 1;
  private int headSlices = 1;

  /** Whether a call of these shapes is a step. */
  static boolean fits(TensorView q, TensorView k) {
    return q.shape().dim(1) == 1 && q.shape().dim(2) / k.shape().dim(2) <= GROUP;
  }

  AttentionStep(Functions functions, KernelArgs args) {
    MemorySegment scratch = args.scratch();
    Shape q = args.input(0).shape();
    Shape k = args.input(1).shape();
    Shape v = args.input(2).shape();
    step = functions.get("attention_step").address();
    join = functions.get("attention_join").address();
    long batch = q.dim(0);
    heads = Math.toIntExact(k.dim(2));
    most = pieces(k);
    width = width(v);
    parameters = scratch.asSlice(0, batch * AttentionOperands.ARGS_BYTES);
    long partialBytes = partialBytes(q, k, v);
    partial =
        new Slices(scratch.asSlice(parameters.byteSize(), partialBytes), batch * most * heads);
    x = new AttentionOperands(args, scratch.asSlice(parameters.byteSize() + partialBytes));
    from = new long[Math.toIntExact(batch)];
    to = new long[from.length];
    described = MemorySegment.ofArray(new byte[(int) AttentionOperands.ARGS_BYTES]);
    x.describe(described, 1);
    each = all(b -> parameters.asSlice(b * described.byteSize(), described.byteSize()));
    queries = all((b, h) -> AttentionOperands.at(x.q, b, 0, h * x.group));
    keys = all((b, h) -> AttentionOperands.at(x.k, b, 0, h));
    values = all((b, h) -> AttentionOperands.at(x.v, b, 0, h));
    masks = all((b, h) -> x.mask(b, h, 0));
    outs = all(b -> AttentionOperands.at(x.out, b, 0, 0));
    sums = all(b -> x.lse(b, 0, 0));
    scratchBytes = functions.attentionScratchBytes(x.group, q.dim(3), v.dim(3));
    pool = args.pool();
  }

  /** Where something is of each sequence. */
  private MemorySegment[] all(IntFunction<MemorySegment> place) {
    MemorySegment[] places = new MemorySegment[from.length];
    Arrays.setAll(places, place);
    return places;
  }

  /** Where something is of each sequence and K/V head. */
  private MemorySegment[] all(BiFunction<Integer, Integer, MemorySegment> place) {
    MemorySegment[] places = new MemorySegment[from.length * heads];
    Arrays.setAll(places, i -> place.apply(i / heads, i % heads));
    return places;
  }

  /** Bytes of scratch. */
  static long scratchBytes(List<TensorView> in) {
    Shape q = in.get(0).shape();
    return q.dim(0) * AttentionOperands.ARGS_BYTES
        + partialBytes(q, in.get(1).shape(), in.get(2).shape())
        + AttentionOperands.maskBytes(in);
  }

  private static long partialBytes(Shape q, Shape k, Shape v) {
    return q.dim(0) * pieces(k) * q.dim(2) * width(v) * Float.BYTES;
  }

  private static int pieces(Shape k) {
    return Math.toIntExact(Math.max(1, (k.dim(1) + PIECE - 1) / PIECE));
  }

  /** Floats of a row in {@code partial}: {@code QUERN_PARTIAL}. */
  private static long width(Shape v) {
    return (v.dim(3) + 15) / 16 * 16 + 16;
  }

  @Override
  public void run() {
    x.prepare();
    long seen = 0;
    int longest = 1;
    for (int b = 0; b < from.length; b++) {
      see(b);
      seen += to[b] - from[b];
      longest = Math.max(longest, pieces(b));
      MemorySegment.copy(described, 0, parameters, b * described.byteSize(), described.byteSize());
    }
    long row = x.k.shape().dim(3) + x.v.shape().dim(3);
    boolean inline = seen * heads * row <= INLINE;
    if (inline) {
      headsTogether = heads;
    } else {
      long together = SLICE / (row * Math.min(PIECE, Math.max(1, seen / from.length)));
      headsTogether = (int) Math.max(1, Math.min(heads, together));
    }
    headSlices = (heads + headsTogether - 1) / headsTogether;
    int slices = from.length * headSlices * longest;
    if (inline) {
      for (int s = 0; s < slices; s++) {
        attend(s);
      }
    } else {
      pool.parallelFor(slices, task);
    }
    for (int b = 0; b < from.length; b++) {
      Calls.attentionJoin(
          join,
          partial(b, 0, 0),
          x.q.shape().dim(2) * width,
          pieces(b),
          outs[b],
          sums[b],
          each[b],
          x.q.shape().dim(2));
    }
  }

  /** The keys that a sequence's query sees. */
  private void see(int b) {
    long length = x.length(b);
    long position = x.start(b, length);
    long window = x.op.window();
    to[b] = Math.max(0, x.op.causal() ? Math.min(length, position + 1) : length);
    from[b] = window > 0 ? Math.min(to[b], Math.max(0, position - window + 1)) : 0;
  }

  /** Pieces that a sequence's keys are in; at least 1. */
  private int pieces(int b) {
    return Math.toIntExact(Math.max(1, (to[b] + PIECE - 1) / PIECE - from[b] / PIECE));
  }

  private MemorySegment partial(long b, long piece, long head) {
    long i = (b * most + piece) * heads + head;
    return partial.get(i, i * x.group * width * Float.BYTES);
  }

  private void attend(int slice) {
    int h = slice % headSlices * headsTogether;
    int b = slice / headSlices % from.length;
    int piece = slice / headSlices / from.length;
    if (piece >= pieces(b)) {
      return;
    }
    long begin = (from[b] / PIECE + piece) * PIECE;
    MemorySegment scratch = Scratch.take(scratchBytes);
    Calls.attentionStep(
        step,
        queries[b * heads + h],
        keys[b * heads + h],
        values[b * heads + h],
        masks[b * heads + h],
        partial(b, piece, h),
        each[b],
        Math.min(headsTogether, heads - h),
        x.k.layout().stride(2),
        x.v.layout().stride(2),
        Math.max(from[b], begin),
        Math.min(to[b], begin + PIECE),
        scratch);
    Scratch.give(scratch);
  }
}
