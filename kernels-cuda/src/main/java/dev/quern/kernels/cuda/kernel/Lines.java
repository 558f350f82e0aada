package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.Params;

/**
 * Lines along an axis of operands, and which threads take them: the struct {@code Lines} of {@code
 * lines.cuh}.
 */
final class Lines {
  private static final int THREADS = 256;
  private static final int WARP = 32;
  private static final int SHORT = 1024; // elements that a warp takes alone
  private static final int MANY = 64; // lines beside each other for which a thread each pays
  private static final int VECTOR_BYTES = 16;
  private static final long MOST = Integer.MAX_VALUE;

  /** An operand: its lines' first elements, and the distance along a line. */
  static final class Operand {
    private final long address;
    private final int bytes;
    private final long[] strides;
    private final long step;

    /**
     * An operand from its parts.
     *
     * @param address of the first line's first element
     * @param bytes of an element
     * @param strides from line to line, one per axis of the lines' shape
     * @param step along a line
     */
    Operand(long address, int bytes, long[] strides, long step) {
      this.address = address;
      this.bytes = bytes;
      this.strides = strides;
      this.step = step;
    }

    /** The lines of a view along an axis. */
    static Operand along(TensorView x, int axis) {
      int a = x.shape().axis(axis);
      Layout l = x.layout();
      long[] strides = new long[l.shape().rank() - 1];
      for (int i = 0; i < strides.length; i++) {
        strides[i] = l.stride(i < a ? i : i + 1);
      }
      return new Operand(start(x), x.dtype().blockBytes(), strides, l.stride(a));
    }

    /** A view of one element per line, of the lines' rank or with one more axis of extent 1. */
    static Operand each(TensorView x, Shape lines) {
      Layout l = x.layout();
      Layout kept = l.shape().rank() == lines.rank() ? l : without(l, l.shape().rank() - 1);
      return new Operand(start(x), x.dtype().blockBytes(), kept.expand(lines).strides(), 0);
    }

    private static Layout without(Layout l, int axis) {
      long[] strides = new long[axis];
      for (int i = 0; i < axis; i++) {
        strides[i] = l.stride(i);
      }
      return Layout.of(l.shape().slice(0, axis), strides, l.offset());
    }

    private static long start(TensorView x) {
      return x.segment().address() + x.layout().offset() * x.dtype().blockBytes();
    }
  }

  private final Axes axes;
  private final Operand[] operands;
  private final long lines;
  private final long n;
  private final int team;

  private Lines(Shape shape, long n, int wanted, Operand... operands) {
    long[][] strides = new long[operands.length][];
    for (int i = 0; i < strides.length; i++) {
      strides[i] = operands[i].strides;
    }
    this.axes = Axes.of(shape, strides);
    this.operands = operands;
    this.lines = shape.elements();
    this.n = n;
    if (lines > MOST || n > MOST) {
      throw new NotSupportedException(
          "[cuda] %d lines of %d elements are more than a kernel takes (2^31 of each); split them"
              .formatted(lines, n));
    }
    int deciding = operands.length - 1;
    while (deciding > 0 && operands[deciding].step == 0) {
      deciding--;
    }
    boolean beside =
        axes.dims()[axes.rank() - 1] >= MANY
            && operands[deciding].step != 1
            && Math.abs(axes.strides()[deciding][axes.rank() - 1]) == 1;
    this.team = wanted > 0 ? wanted : beside ? 1 : n <= SHORT ? WARP : THREADS;
  }

  /**
   * Lines that teams of threads take.
   *
   * @param shape of what is beside the lines' axis
   * @param n the lines' length
   * @param operands results first; how the last one that has more than one element a line lies
   *     decides the size of the teams
   */
  static Lines of(Shape shape, long n, Operand... operands) {
    return new Lines(shape, n, 0, operands);
  }

  /** Lines of which each has one thread. */
  static Lines alone(Shape shape, long n, Operand... operands) {
    return new Lines(shape, n, 1, operands);
  }

  /** Lines of which each has a warp. */
  static Lines warps(Shape shape, long n, Operand... operands) {
    return new Lines(shape, n, WARP, operands);
  }

  long count() {
    return lines;
  }

  long length() {
    return n;
  }

  /** Threads of a line. */
  int team() {
    return team;
  }

  /** Blocks that cover all lines. */
  Grid grid() {
    return Grid.over(lines * team, THREADS);
  }

  /** The struct. */
  Params write(Params p) {
    p.int32((int) lines).int32((int) n).int32(axes.rank()).int32(team);
    axes.writeDims(p, axes.rank());
    for (int i = 0; i < operands.length; i++) {
      p.int32(aligned(i) ? 1 : 0);
    }
    for (Operand o : operands) {
      p.int64(o.step);
    }
    for (int i = 0; i < operands.length; i++) {
      axes.writeStrides(p, i, axes.rank());
    }
    for (Operand o : operands) {
      p.address(o.address);
    }
    return p;
  }

  private boolean aligned(int operand) {
    Operand o = operands[operand];
    boolean aligned = o.step == 1 && o.address % VECTOR_BYTES == 0;
    for (long s : axes.strides()[operand]) {
      aligned &= s * o.bytes % VECTOR_BYTES == 0;
    }
    return aligned;
  }
}
