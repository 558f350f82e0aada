package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.launch.Params;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How threads find the elements of operands that broadcast to one shape: the struct {@code Walk} of
 * {@code strided.cuh}. Axes of extent 1 are dropped, and axes that all operands cross evenly are
 * merged, so that a call without gaps has a single one.
 */
final class Walk {
  private static final int STRIDED = 0;
  private static final int VECTOR = 1;
  private static final int SPLAT = 2;
  private static final int VECTOR_BYTES = 16;

  /** Groups and neighbours that one launch has at most. */
  private static final long MOST = 1 << 30;

  /**
   * An operand: units of a size at places that a layout says.
   *
   * @param segment the storage
   * @param bytes size of a unit: 1, 2, 4 or 8
   * @param layout in units
   * @param jump what a kernel adds multiples of to a place, in units; 0 if nothing
   */
  record Operand(MemorySegment segment, int bytes, Layout layout, long jump) {
    Operand(MemorySegment segment, int bytes, Layout layout) {
      this(segment, bytes, layout, 0);
    }

    static Operand of(TensorView view) {
      return new Operand(view.segment(), view.dtype().blockBytes(), view.layout());
    }
  }

  private final int group;
  private final List<Operand> operands;
  private final Axes axes;
  private final long[] dims; // outermost first
  private final long[][] strides; // of each operand, in units
  private final long[] base; // of each operand's first element, in bytes
  private final long first;

  private Walk(int group, List<Operand> operands, Axes axes, long[] base, long first) {
    this.group = group;
    this.operands = operands;
    this.axes = axes;
    this.dims = axes.dims();
    this.strides = axes.strides();
    this.base = base;
    this.first = first;
  }

  /**
   * The walks of a call: one, or several if it is very large.
   *
   * @param shape what the operands broadcast to
   * @param group neighbours that a thread takes
   * @param operands results first
   * @return no walk if there are no elements
   */
  static List<Walk> over(Shape shape, int group, Operand... operands) {
    if (shape.elements() == 0) {
      return List.of();
    }
    int n = operands.length;
    long[] base = new long[n];
    long[][] all = new long[n][];
    for (int i = 0; i < n; i++) {
      Layout l = operands[i].layout().expand(shape);
      all[i] = l.strides();
      base[i] = operands[i].segment().address() + l.offset() * operands[i].bytes();
    }
    Axes axes = Axes.of(shape, all);
    List<Walk> walks = new ArrayList<>();
    new Walk(group, List.of(operands), axes, base, 0).cut(walks);
    return walks;
  }

  /** This walk, or the walks of its halves along the outermost axis if it is too large. */
  private void cut(List<Walk> to) {
    if (inner() <= MOST && groups() <= MOST) {
      to.add(this);
      return;
    }
    long half = dims[0] / 2 / group * group;
    half = half == 0 ? Math.max(1, dims[0] / 2) : half;
    long below = elements() / dims[0];
    if (dims[0] == 1) {
      part(1, dims.length, 0, 0, dims[1]).cut(to);
      return;
    }
    part(0, dims.length, 0, 0, half).cut(to);
    part(0, dims.length, half, half * below, dims[0] - half).cut(to);
  }

  /** Some of the outermost axis that is kept. */
  private Walk part(int from, int end, long at, long skipped, long extent) {
    long[] d = Arrays.copyOfRange(dims, from, end);
    d[0] = extent;
    long[][] s = new long[operands.size()][];
    long[] b = base.clone();
    for (int i = 0; i < s.length; i++) {
      s[i] = Arrays.copyOfRange(strides[i], from, end);
      b[i] += at * strides[i][from] * operands.get(i).bytes();
    }
    return new Walk(group, operands, new Axes(d, s), b, first + skipped);
  }

  private long inner() {
    return dims[dims.length - 1];
  }

  private long elements() {
    return Arrays.stream(dims).reduce(1, (a, b) -> a * b);
  }

  /** Threads that the walk needs. */
  long groups() {
    return elements() / inner() * Math.ceilDiv(inner(), (long) group);
  }

  /** The index of its first element among all that the call has. */
  long first() {
    return first;
  }

  /** The struct. */
  Params write(Params p) {
    int last = dims.length - 1;
    p.int32((int) groups()).int32((int) inner()).int32(last);
    new Divisor((int) Math.ceilDiv(inner(), (long) group)).write(p);
    axes.writeDims(p, last);
    for (int i = 0; i < operands.size(); i++) {
      p.int32(access(i));
    }
    for (int i = 0; i < operands.size(); i++) {
      p.int64(strides[i][last]);
    }
    for (int i = 0; i < operands.size(); i++) {
      axes.writeStrides(p, i, last);
    }
    for (int i = 0; i < operands.size(); i++) {
      p.address(base[i]);
    }
    return p;
  }

  /** Whether a group is one aligned piece of memory, one element, or neither. */
  private int access(int operand) {
    int bytes = operands.get(operand).bytes();
    int last = dims.length - 1;
    long step = strides[operand][last];
    if (step == 0) {
      return SPLAT;
    }
    int alignment = Math.min(VECTOR_BYTES, bytes * group);
    boolean aligned = step == 1 && base[operand] % alignment == 0;
    aligned &= operands.get(operand).jump() * bytes % alignment == 0;
    for (int a = 0; a < last; a++) {
      aligned &= strides[operand][a] * bytes % alignment == 0;
    }
    return aligned ? VECTOR : STRIDED;
  }
}
