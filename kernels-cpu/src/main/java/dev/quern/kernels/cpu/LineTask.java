package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;

/**
 * Something computed line by line along one axis of a tensor without gaps: x[outer, n, inner].
 *
 * <p>In parallel over lines, about 32 Ki elements a slice. A line of F32 along the last axis is
 * used where it is; others are gathered into working memory as F32 first.
 */
abstract class LineTask extends SlicedTask {
  private static final long SLICE_ELEMENTS = 32L << 10;

  /** Elements of a line. */
  final int n;

  /** The working memory of slices, and staged lines. */
  final MemorySegment scratch;

  private final long inner;
  private final long lines;
  private final DType type;
  private final MemorySegment x;
  private final long start;
  private final Slots slots;
  private final long lineBytes;

  /**
   * @param args input 0 has no gaps
   * @param axis the lines' axis
   * @param extraLines how many more lines of working memory a slice wants
   */
  LineTask(KernelArgs args, int axis, int extraLines) {
    super(args.pool(), slices(args.input(0), axis));
    TensorView v = args.input(0);
    Shape s = v.shape();
    int a = s.axis(axis);
    n = Math.toIntExact(s.dim(a));
    inner = s.slice(a + 1, s.rank()).elements();
    lines = s.slice(0, a).elements() * inner;
    type = v.dtype();
    x = Segments.of(v);
    start = Segments.start(v);
    lineBytes = lineBytes(n);
    slots = new Slots(args.scratch(), 0, (2L + extraLines) * lineBytes, slices);
    scratch = slots.segment();
  }

  private static int slices(TensorView x, int axis) {
    Shape s = x.shape();
    long n = Math.max(1, s.dim(axis));
    return sliceCount(s.elements() / n, Math.max(1, SLICE_ELEMENTS / n));
  }

  private static long lineBytes(long n) {
    return Math.ceilDiv(n * 4, 64) * 64 + 64;
  }

  /** Working memory that a call needs. */
  static long scratchBytes(TensorView x, int axis, int extraLines) {
    return Slots.bytes((2L + extraLines) * lineBytes(x.shape().dim(axis)), slices(x, axis));
  }

  /** Whether lines of a type and stride can be used where they are. */
  boolean direct(DType t) {
    return t == ScalarType.F32 && inner == 1;
  }

  @Override
  public void run(int slice) {
    int slot = slots.take();
    try {
      long at = slots.offset(slot);
      prepare(at + 2 * lineBytes);
      long end = sliceStart(lines, slices, slice + 1);
      for (long i = sliceStart(lines, slices, slice); i < end; i++) {
        if (direct(type)) {
          line(x, start + first(i) * 4, at + lineBytes, i);
        } else {
          long step = inner * type.blockBytes();
          Convert.gather(type, x, start + first(i) * type.blockBytes(), step, scratch, at, n);
          line(scratch, at, at + lineBytes, i);
        }
      }
    } finally {
      slots.give(slot);
    }
  }

  /** The index of a line's first element. */
  final long first(long line) {
    return line / inner * n * inner + line % inner;
  }

  /** Stores a line of F32 as line {@code i} of a result of x's shape. */
  final void put(MemorySegment s, long from, DType t, MemorySegment y, long i) {
    long to = first(i) * t.blockBytes();
    if (inner == 1) {
      Convert.narrow(t, s, from, y, to, n);
    } else {
      Convert.scatter(t, s, from, y, to, inner * t.blockBytes(), n);
    }
  }

  /** Bytes from an extra line to the next. */
  final long extraBytes() {
    return lineBytes;
  }

  /** Called once for each slice with its extra lines. */
  void prepare(long extra) {}

  /**
   * Computes a line.
   *
   * @param s holds x as F32
   * @param at where it starts
   * @param out working memory for a line
   * @param i which line
   */
  abstract void line(MemorySegment s, long at, long out, long i);
}
