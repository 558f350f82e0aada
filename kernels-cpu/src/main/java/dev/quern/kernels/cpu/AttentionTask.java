package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.AttentionShape.KEYS;
import static dev.quern.kernels.cpu.AttentionShape.padded;
import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Segments.I32;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * y = softmax(softcap(scale · q kᵀ) + mask) v, the softmax streaming over tiles of keys (Dao et al.
 * 2022).
 *
 * <p>q: (B, TQ, H, D), k: (B, TK, HKV, D), v: (B, TK, HKV, DV), any strides, but for Q8_0 keys and
 * values, whose blocks run along D and DV. In parallel over sequences, key heads and blocks of
 * queries; over tiles of 128 keys that some query of the block sees: scores of all rows; per row
 * the softmax's next step; values. Rows are the block's queries of all heads that share the key
 * head: each key and value is read once for the whole group.
 *
 * <p>More than 16 rows: keys and values are packed and both products run in {@link MicroKernel}.
 * Fewer (decoding): {@link AttentionTile}'s loops read F32 keys where they are.
 */
final class AttentionTask extends SlicedTask {
  private static final int BLOCK = MicroKernel.VECTORS * Simd.L;

  private final Attention op;
  private final AttentionShape e;
  private final Rows q;
  private final Rows k;
  private final Rows v;
  private final Rows y;
  private final @Nullable AttentionMask mask;
  private final @Nullable TensorView starts;
  private final @Nullable TensorView lengths;
  private final @Nullable MemorySegment logSumExp;
  private final Slots slots;
  private final MicroKernel[] kernels;
  private final MemorySegment p;

  AttentionTask(Attention op, KernelArgs args) {
    this(op, args, AttentionShape.of(args.inputs()));
  }

  private AttentionTask(Attention op, KernelArgs args, AttentionShape e) {
    super(args.pool(), e.slices());
    this.op = op;
    this.e = e;
    q = new Rows(args.input(0));
    k = new Rows(args.input(1));
    v = new Rows(args.input(2));
    y = new Rows(args.output());
    mask = op.hasMask() ? new AttentionMask(args.input(op.maskIndex()), e) : null;
    starts = op.hasStarts() ? args.input(op.startsIndex()) : null;
    lengths = op.hasLengths() ? args.input(op.lengthsIndex()) : null;
    logSumExp = args.outputs().size() > 1 ? Segments.of(args.outputs().get(1)) : null;
    slots = new Slots(args.scratch(), 0, e.slotBytes(), slices);
    kernels = MicroKernel.of(slots);
    p = slots.segment();
  }

  @Override
  public void run(int slice) {
    if (e.batch() * e.tq() == 0) {
      return;
    }
    int slot = slots.take();
    try {
      int blocks = e.queryBlocks();
      int head = slice / blocks;
      // the last queries see most keys: start with them
      int block = blocks - 1 - slice % blocks;
      block(
          head / e.kvHeads(),
          head % e.kvHeads(),
          block * e.queries(),
          slots.offset(slot),
          kernels[slot]);
    } finally {
      slots.give(slot);
    }
  }

  /** Beyond any key, and far enough from overflow to count on from. */
  private static final int FAR = 1 << 30;

  private static int value(TensorView x, int b) {
    return x.segment().get(I32, x.offsetBytes() + b * x.strideBytes(0));
  }

  private long start(int b, int length) {
    return starts == null ? length - (long) e.tq() : value(starts, b);
  }

  private int length(int b) {
    int n = lengths == null ? e.tk() : value(lengths, b);
    if (n < 0 || n > e.tk()) {
      throw new IndexException(
          "[attention] lengths["
              + b
              + "] is "
              + n
              + ", outside 0.."
              + e.tk()
              + "; a sequence can't be longer than its keys");
    }
    return n;
  }

  /** First key that the query at a position sees. */
  private int first(int position) {
    return op.window() > 0 ? (int) Math.max(0, position - (long) op.window() + 1) : 0;
  }

  /** One past the last key that it sees. */
  private int last(int position, int length) {
    return op.causal() ? Math.clamp(position + 1L, 0, length) : length;
  }

  private void block(int b, int kvHead, int i0, long slot, MicroKernel kernel) {
    int length = length(b);
    int position = Math.clamp(start(b, length) + i0, -FAR, FAR);
    int n = Math.min(e.queries(), e.tq() - i0);
    int rows = n * e.group();
    clear(b, kvHead, i0, n, slot);
    int end = last(position + n - 1, length);
    for (int j = first(position); j < end; j += KEYS) {
      int keys = Math.min(KEYS, end - j);
      scores(kernel, b, kvHead, j, keys, rows, slot);
      for (int r = 0; r < rows; r++) {
        int i = r % n;
        int from = Math.clamp(first(position + i) - (long) j, 0, keys);
        int to = Math.clamp(last(position + i, length) - (long) j, 0, keys);
        int h = kvHead * e.group() + r / n;
        softmax(slot, r, keys, from, Math.max(from, to), maskRow(slot, b, h, i0 + i, j, keys));
      }
      values(kernel, b, kvHead, j, keys, rows, slot);
    }
    for (int r = 0; r < rows; r++) {
      store(b, i0 + r % n, kvHead * e.group() + r / n, slot, r);
    }
  }

  /** Loads the queries; sums become 0, largest scores −∞. */
  private void clear(int b, int kvHead, int i0, int n, long slot) {
    for (int r = 0; r < e.rows(); r++) {
      long at = slot + r * e.queryStride();
      if (r < n * e.group()) {
        q.load(b, i0 + r % n, kvHead * e.group() + r / n, e.d(), p, at);
      } else {
        Convert.fill(0, p, at, e.d());
        Convert.fill(0, p, slot + e.scoresAt() + r * MicroKernel.ROW_BYTES, KEYS);
      }
      Convert.fill(0, p, slot + e.sumsAt() + r * e.sumStride(), padded(e.dv()));
      p.set(F32, slot + e.statesAt() + 8L * r, Float.NEGATIVE_INFINITY);
      p.set(F32, slot + e.statesAt() + 8L * r + 4, 0f);
    }
  }

  private void scores(MicroKernel kernel, int b, int kvHead, int j, int keys, int rows, long slot) {
    long s = slot + e.scoresAt();
    long tile = slot + e.tileAt();
    if (e.few()) {
      boolean direct = k.direct();
      if (!direct) {
        for (int i = 0; i < keys; i++) {
          k.load(b, j + i, kvHead, e.d(), p, tile + 4L * i * e.d());
        }
      }
      MemorySegment m = direct ? k.segment : p;
      long at = direct ? k.at(b, j, kvHead) : tile;
      long stride = direct ? k.timeBytes : 4L * e.d();
      AttentionTile.scores(p, slot, e.queryStride(), rows, m, at, stride, keys, e.d(), s);
      return;
    }
    for (int r = 0; r < rows; r++) {
      Convert.fill(0, p, s + r * MicroKernel.ROW_BYTES, padded(keys));
    }
    for (int c = 0; c < keys; c += BLOCK) {
      int width = Math.min(BLOCK, padded(keys - c));
      packKeys(b, kvHead, j + c, Math.min(width, keys - c), width, slot);
      for (int r = 0; r < rows; r += MicroKernel.ROWS) {
        kernel.run(
            width / Simd.L,
            e.d(),
            p,
            slot + r * MicroKernel.ROW_BYTES,
            p,
            tile,
            s + r * MicroKernel.ROW_BYTES + 4L * c,
            MicroKernel.ROW_BYTES);
      }
    }
  }

  /** Keys as columns: [d][width]. */
  private void packKeys(int b, int kvHead, int j, int real, int width, long slot) {
    long line = slot + e.lineAt();
    for (int c = 0; c < width; c++) {
      if (c < real) {
        k.load(b, j + c, kvHead, e.d(), p, line);
      } else {
        Convert.fill(0, p, line, e.d());
      }
      long to = slot + e.tileAt() + 4L * c;
      for (int i = 0; i < e.d(); i++) {
        p.set(F32, to + 4L * i * width, p.get(F32, line + 4L * i));
      }
    }
  }

  private long maskRow(long slot, int b, int h, int i, int j, int keys) {
    if (mask == null) {
      return -1;
    }
    mask.load(b, h, i, j, keys, p, slot + e.lineAt());
    return slot + e.lineAt();
  }

  /** Scores of hidden keys become −∞, those of the others what the softmax wants. */
  private void softmax(long slot, int r, int keys, int from, int to, long maskRow) {
    long s = slot + e.scoresAt() + r * MicroKernel.ROW_BYTES;
    int n = padded(keys);
    Convert.fill(0, p, s + 4L * keys, n - keys);
    AttentionTile.finish(p, s, n, op.scale(), op.softCap(), maskRow, slot + e.spareAt());
    Convert.fill(Float.NEGATIVE_INFINITY, p, s, from);
    Convert.fill(Float.NEGATIVE_INFINITY, p, s + 4L * to, n - to);
    float shrink = AttentionTile.softmax(p, s, n, slot + e.statesAt() + 8L * r);
    if (shrink != 1) {
      long o = slot + e.sumsAt() + r * e.sumStride();
      LineLoops.scale(p, o, e.dv(), shrink, p, o);
    }
  }

  private void values(MicroKernel kernel, int b, int kvHead, int j, int keys, int rows, long slot) {
    long s = slot + e.scoresAt();
    long o = slot + e.sumsAt();
    long tile = slot + e.tileAt();
    if (e.few()) {
      boolean direct = v.direct();
      if (!direct) {
        for (int i = 0; i < keys; i++) {
          v.load(b, j + i, kvHead, e.dv(), p, tile + 4L * i * e.dv());
        }
      }
      MemorySegment m = direct ? v.segment : p;
      long at = direct ? v.at(b, j, kvHead) : tile;
      long stride = direct ? v.timeBytes : 4L * e.dv();
      AttentionTile.values(p, s, rows, m, at, stride, keys, e.dv(), o, e.sumStride());
      return;
    }
    packValues(b, kvHead, j, keys, slot);
    int columns = padded(e.dv());
    for (int c = 0; c < columns; c += BLOCK) {
      int width = Math.min(BLOCK, columns - c);
      for (int r = 0; r < rows; r += MicroKernel.ROWS) {
        kernel.run(
            width / Simd.L,
            keys,
            p,
            s + r * MicroKernel.ROW_BYTES,
            p,
            tile + 4L * c * keys,
            o + r * e.sumStride() + 4L * c,
            e.sumStride());
      }
    }
  }

  /** Values as columns: [block][keys][width]. */
  private void packValues(int b, int kvHead, int j, int keys, long slot) {
    long line = slot + e.lineAt();
    int columns = padded(e.dv());
    Convert.fill(0, p, line, columns);
    for (int i = 0; i < keys; i++) {
      v.load(b, j + i, kvHead, e.dv(), p, line);
      for (int c = 0; c < columns; c += BLOCK) {
        int width = Math.min(BLOCK, columns - c);
        long to = slot + e.tileAt() + 4L * c * keys + 4L * i * width;
        MemorySegment.copy(p, line + 4L * c, p, to, 4L * width);
      }
    }
  }

  private void store(int b, int i, int h, long slot, int r) {
    long state = slot + e.statesAt() + 8L * r;
    float sum = p.get(F32, state + 4);
    long o = slot + e.sumsAt() + r * e.sumStride();
    LineLoops.scale(p, o, e.dv(), sum == 0 ? 0 : 1 / sum, p, o);
    Convert.narrow(y.type, p, o, y.segment, y.at(b, i, h), e.dv());
    if (logSumExp != null) {
      float lse = (float) (p.get(F32, state) + StrictMath.log(sum));
      logSumExp.set(F32, 4L * (((long) b * e.heads() + h) * e.tq() + i), lse);
    }
  }

  /** A [batch, time, head, dim] operand. */
  private static final class Rows {
    final MemorySegment segment;
    final DType type;
    final long start;
    final long batchBytes;
    final long timeBytes;
    final long headBytes;
    final long stepBytes;

    Rows(TensorView x) {
      segment = Segments.of(x);
      type = x.dtype();
      start = Segments.start(x);
      batchBytes = x.strideBytes(0);
      timeBytes = x.strideBytes(1);
      headBytes = x.strideBytes(2);
      stepBytes = type.isBlock() || x.shape().dim(3) == 1 ? type.blockBytes() : x.strideBytes(3);
    }

    boolean direct() {
      return type == ScalarType.F32 && stepBytes == Float.BYTES;
    }

    long at(int b, int t, int h) {
      return start + b * batchBytes + t * timeBytes + h * headBytes;
    }

    void load(int b, int t, int h, int n, MemorySegment d, long to) {
      if (type == BlockType.Q8_0) {
        Unpack.run(type, segment, at(b, t, h), d, to, n);
      } else {
        Convert.gather(type, segment, at(b, t, h), stepBytes, d, to, n);
      }
    }
  }
}
