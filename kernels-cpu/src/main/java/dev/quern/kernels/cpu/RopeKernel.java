package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Segments.I32;
import static dev.quern.kernels.cpu.Segments.I64;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Rope;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;
import org.jspecify.annotations.Nullable;

/**
 * Rotary embedding: y[a] = x[a] · cos − x[b] · sin, y[b] = x[b] · cos + x[a] · sin for pairs (a,
 * b).
 *
 * <p>x: (..., T, H, D), any strides but the last; positions: (..., T); frequencies: (R/2). In
 * parallel over positions: cosine and sine of each pair in F64 once for all heads, written for both
 * elements of the pair with the sign that they need; then over heads: y = x · cos + partner · sin,
 * where the partner is half a head away, or the neighbour in the vector.
 */
record RopeKernel(boolean interleaved) implements Kernel {
  private static final VectorShuffle<Float> NEIGHBOURS = VectorShuffle.fromOp(Simd.F, i -> i ^ 1);

  /** The kernel for a call, or null. */
  static @Nullable Kernel find(Rope op, KernelSignature s) {
    boolean known =
        Convert.handles(s.inputs().getFirst())
            && s.layouts().getFirst().compareTo(LayoutClass.ROWS) <= 0
            && s.layouts().get(2) == LayoutClass.CONTIGUOUS;
    return known ? new RopeKernel(op.interleaved()) : null;
  }

  @Override
  public String name() {
    return "rope vector";
  }

  private static long slotBytes(TensorView x) {
    return 4 * (Math.ceilDiv(x.shape().dim(-1), 16) * 16 + 16) * 4;
  }

  private static int slices(TensorView x) {
    Shape s = x.shape();
    long row = Math.max(1, s.dim(-1) * s.dim(-2));
    return SlicedTask.sliceCount(s.elements() / row, Math.max(1, (16L << 10) / row));
  }

  @Override
  public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
    return Slots.bytes(slotBytes(inputs.getFirst()), slices(inputs.getFirst()));
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Task(args, interleaved);
  }

  private static final class Task extends SlicedTask {
    private final boolean interleaved;
    private final DType type;
    private final MemorySegment x;
    private final MemorySegment y;
    private final MemorySegment positions;
    private final boolean wide;
    private final MemorySegment frequencies;
    private final Walk rows; // x at (..., T), then positions
    private final long start;
    private final long count;
    private final int heads;
    private final long headBytes;
    private final int d;
    private final int half;
    private final Slots slots;
    private final MemorySegment scratch;
    private final long part;

    Task(KernelArgs args, boolean interleaved) {
      super(args.pool(), RopeKernel.slices(args.input(0)));
      this.interleaved = interleaved;
      TensorView v = args.input(0);
      type = v.dtype();
      x = Segments.of(v);
      y = Segments.of(args.output());
      positions = Segments.of(args.input(1));
      wide = args.input(1).dtype() == ScalarType.I64;
      frequencies = Segments.of(args.input(2));
      half = Math.toIntExact(args.input(2).shape().dim(0));
      Shape s = v.shape();
      d = Math.toIntExact(s.dim(-1));
      heads = Math.toIntExact(s.dim(-2));
      headBytes = v.strideBytes(-2);
      Shape lead = s.slice(0, s.rank() - 2);
      count = lead.elements();
      TensorView first = lead(v, lead);
      rows = new Walk(lead, List.of(first, args.input(1)));
      start = Segments.start(v) - Segments.start(first);
      slots = new Slots(args.scratch(), 0, slotBytes(v), slices);
      scratch = slots.segment();
      part = slotBytes(v) / 4;
    }

    /** The view of one head's first element for every position. */
    private static TensorView lead(TensorView v, Shape lead) {
      var l = v.layout().slice(-1, 0, Math.min(1, v.shape().dim(-1)), 1);
      l = l.slice(-2, 0, Math.min(1, v.shape().dim(-2)), 1);
      long[] strides = java.util.Arrays.copyOf(l.strides(), lead.rank());
      var layout = dev.quern.core.type.Layout.of(lead, strides, l.offset());
      return new TensorView(v.dtype(), layout, v.segment());
    }

    @Override
    public void run(int slice) {
      int slot = slots.take();
      try {
        long at = slots.offset(slot);
        long end = sliceStart(count, slices, slice + 1);
        for (long i = sliceStart(count, slices, slice); i < end; i++) {
          position(i, at);
        }
      } finally {
        slots.give(slot);
      }
    }

    private void position(long i, long cos) {
      long run = i / rows.inner;
      long within = i % rows.inner;
      long p = rows.at(1, run) + within * rows.step(1);
      long from = start + rows.at(0, run) + within * rows.step(0);
      angles(wide ? positions.get(I64, p) : positions.get(I32, p), cos, cos + part);
      for (int h = 0; h < heads; h++) {
        head(from + h * headBytes, (i * heads + h) * d * type.blockBytes(), cos);
      }
    }

    /** cos and ±sin for each element of a head; 1 and 0 for those that are not rotated. */
    private void angles(long position, long cos, long sin) {
      for (int j = 0; j < half; j++) {
        double angle = (double) position * frequencies.get(F32, 4L * j);
        float c = (float) Math.cos(angle);
        float s = (float) Math.sin(angle);
        long a = 4L * (interleaved ? 2 * j : j);
        long b = 4L * (interleaved ? 2 * j + 1 : j + half);
        scratch.set(F32, cos + a, c);
        scratch.set(F32, cos + b, c);
        scratch.set(F32, sin + a, -s);
        scratch.set(F32, sin + b, s);
      }
    }

    private void head(long from, long to, long cos) {
      boolean direct = type == ScalarType.F32;
      MemorySegment s = direct ? x : scratch;
      MemorySegment t = direct ? y : scratch;
      long at = direct ? from : cos + 2 * part;
      long out = direct ? to : cos + 3 * part;
      if (!direct) {
        Convert.widen(type, x, from, scratch, at, d);
      }
      if (interleaved) {
        neighbours(s, at, t, out, cos, cos + part, 2 * half);
      } else {
        halves(s, at, t, out, cos, cos + part, half);
      }
      MemorySegment.copy(s, at + 8L * half, t, out + 8L * half, 4L * (d - 2 * half));
      if (!direct) {
        Convert.narrow(type, scratch, out, y, to, d);
      }
    }

    private void halves(
        MemorySegment s, long at, MemorySegment t, long out, long cos, long sin, int n) {
      long far = 4L * n;
      int i = 0;
      for (; i <= n - Simd.L; i += Simd.L) {
        long o = 4L * i;
        FloatVector a = Simd.load(s, at + o);
        FloatVector b = Simd.load(s, at + far + o);
        FloatVector c = Simd.load(scratch, cos + o);
        FloatVector w = Simd.load(scratch, sin + far + o);
        Simd.store(a.mul(c).sub(b.mul(w)), t, out + o);
        Simd.store(b.mul(c).add(a.mul(w)), t, out + far + o);
      }
      for (; i < n; i++) {
        rotate(s, at, t, out, cos, sin, i, i + n);
      }
    }

    private void neighbours(
        MemorySegment s, long at, MemorySegment t, long out, long cos, long sin, int n) {
      int i = 0;
      for (; i <= n - Simd.L; i += Simd.L) {
        long o = 4L * i;
        FloatVector v = Simd.load(s, at + o);
        FloatVector partner = v.rearrange(NEIGHBOURS).mul(Simd.load(scratch, sin + o));
        Simd.store(v.mul(Simd.load(scratch, cos + o)).add(partner), t, out + o);
      }
      for (; i < n; i += 2) {
        rotate(s, at, t, out, cos, sin, i, i + 1);
      }
    }

    private void rotate(
        MemorySegment s, long at, MemorySegment t, long out, long cos, long sin, int i, int j) {
      float a = s.get(F32, at + 4L * i);
      float b = s.get(F32, at + 4L * j);
      float c = scratch.get(F32, cos + 4L * i);
      float w = scratch.get(F32, sin + 4L * j);
      t.set(F32, out + 4L * i, a * c - b * w);
      t.set(F32, out + 4L * j, b * c + a * w);
    }
  }
}
