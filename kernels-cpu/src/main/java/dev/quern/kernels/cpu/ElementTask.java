package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Segments.I8;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * y[i] = f(a[i], b[i], ...) with broadcasting, for one to three operands of F32, F16, BF16 or BOOL.
 *
 * <p>Loop nest: in parallel over runs of the merged shape, about 32 Ki elements a slice; over
 * chunks of 2,048; the function's own loop over vectors. Operands that are F32 without gaps are
 * read where they are; all others (16 bits, strided, broadcast along the run, the last few elements
 * of a run) go through a piece of working memory that stays in the first-level cache, so that each
 * function needs one loop only.
 */
abstract class ElementTask extends SlicedTask {
  private static final int CHUNK = 2048;
  private static final long CHUNK_BYTES = CHUNK * 4L + 64;
  private static final long SLICE_ELEMENTS = 32L << 10;

  private final Walk walk;
  private final int operands;
  private final DType[] types;
  private final MemorySegment[] segments;
  private final Slots slots;
  private final MemorySegment scratch;
  private final int chunk;
  private final long chunksPerRun;
  private final Piece[] pieces;

  ElementTask(KernelArgs args) {
    this(args, views(args.inputs(), args.output()));
  }

  private ElementTask(KernelArgs args, List<TensorView> views) {
    super(args.pool(), slices(views));
    this.walk = new Walk(views.getLast().shape(), views);
    this.operands = views.size() - 1;
    this.types = views.stream().map(TensorView::dtype).toArray(DType[]::new);
    this.segments = views.stream().map(Segments::of).toArray(MemorySegment[]::new);
    this.slots = new Slots(args.scratch(), 0, CHUNK_BYTES * views.size(), slices);
    this.scratch = slots.segment();
    this.chunk = (int) Math.min(CHUNK, Math.max(1, walk.inner));
    this.chunksPerRun = Math.ceilDiv(walk.inner, chunk);
    this.pieces = new Piece[Math.min(slices, Slots.MAX)];
    for (int i = 0; i < pieces.length; i++) {
      pieces[i] = new Piece();
    }
  }

  private static List<TensorView> views(List<TensorView> inputs, TensorView output) {
    List<TensorView> views = new ArrayList<>(inputs);
    views.add(output);
    return views;
  }

  private static int slices(List<TensorView> views) {
    return sliceCount(views.getLast().shape().elements(), SLICE_ELEMENTS);
  }

  /** Working memory that a call needs. */
  static long scratchBytes(List<TensorView> inputs, TensorView output) {
    List<TensorView> views = views(inputs, output);
    return Slots.bytes(CHUNK_BYTES * views.size(), slices(views));
  }

  /** Where a piece of each operand is: one object for each part of the working memory. */
  static final class Piece {
    /** Operands and, last, the result. */
    final MemorySegment[] segments = new MemorySegment[4];

    /** From which byte on. */
    final long[] at = new long[4];
  }

  /** The function, over n elements of a piece, a multiple of the vector length. */
  abstract void compute(Piece p, int n);

  @Override
  public void run(int slice) {
    long items = walk.runs * chunksPerRun;
    long end = sliceStart(items, slices, slice + 1);
    int slot = slots.take();
    Piece piece = pieces[slot];
    try {
      for (long i = sliceStart(items, slices, slice); i < end; i++) {
        long run = i / chunksPerRun;
        long from = (i % chunksPerRun) * chunk;
        int n = (int) Math.min(chunk, walk.inner - from);
        int whole = n - n % Simd.L;
        if (whole > 0) {
          part(piece, slots.offset(slot), run, from, whole);
        }
        if (whole < n) {
          part(piece, slots.offset(slot), run, from + whole, n - whole);
        }
      }
    } finally {
      slots.give(slot);
    }
  }

  private void part(Piece p, long slot, long run, long from, int n) {
    for (int o = 0; o < operands; o++) {
      long at = walk.at(o, run) + from * walk.step(o);
      if (direct(o, n)) {
        p.segments[o] = segments[o];
        p.at[o] = at;
      } else {
        p.segments[o] = scratch;
        p.at[o] = slot + o * CHUNK_BYTES;
        stage(o, at, n, p.at[o]);
      }
    }
    int y = operands;
    long at = walk.at(y, run) + from * walk.step(y);
    boolean direct = direct(y, n);
    p.segments[y] = direct ? segments[y] : scratch;
    p.at[y] = direct ? at : slot + y * CHUNK_BYTES;
    compute(p, n + (Simd.L - n % Simd.L) % Simd.L);
    if (!direct) {
      unstage(p.at[y], at, n);
    }
  }

  private boolean direct(int o, int n) {
    return types[o] == ScalarType.F32 && walk.step(o) == Float.BYTES && n % Simd.L == 0;
  }

  private void stage(int o, long from, int n, long to) {
    if (types[o] == ScalarType.BOOL && walk.step(o) == 1) {
      Convert.widenBool(segments[o], from, scratch, to, n);
    } else if (types[o] == ScalarType.BOOL) {
      for (int i = 0; i < n; i++) {
        scratch.set(F32, to + 4L * i, segments[o].get(I8, from + i * walk.step(o)));
      }
    } else {
      Convert.gather(types[o], segments[o], from, walk.step(o), scratch, to, n);
    }
    if (n % Simd.L != 0) {
      Convert.fill(0, scratch, to + 4L * n, Simd.L - n % Simd.L);
    }
  }

  private void unstage(long from, long to, int n) {
    DType t = types[operands];
    MemorySegment d = segments[operands];
    if (t == ScalarType.BOOL) {
      Convert.narrowBool(scratch, from, d, to, n);
    } else {
      Convert.narrow(t, scratch, from, d, to, n);
    }
  }
}
