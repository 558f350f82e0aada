package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I32;
import static dev.quern.kernels.cpu.Segments.I64;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DataOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * y[i, :] = table[ids[i], :]: rows copied, or unpacked to F32; a table of blocks is read only where
 * ids point.
 *
 * <p>table: (V, D) with rows without gaps; ids without gaps. In parallel over ids.
 */
record EmbeddingKernel(DType table) implements Kernel {
  /** The kernel for a call, or null. */
  static @Nullable Kernel find(KernelSignature s) {
    DType t = s.inputs().getFirst();
    boolean known =
        Unpack.handles(t)
            && s.layouts().getFirst().compareTo(LayoutClass.ROWS) <= 0
            && s.layouts().get(1) == LayoutClass.CONTIGUOUS;
    return known ? new EmbeddingKernel(t) : null;
  }

  @Override
  public String name() {
    return "embedding " + table.name().toLowerCase(java.util.Locale.ROOT) + " vector";
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Task(args);
  }

  private static final class Task extends SlicedTask {
    private final Matrix rows;
    private final long start;
    private final long vocabulary;
    private final int d;
    private final MemorySegment ids;
    private final boolean wide;
    private final long count;
    private final MemorySegment y;
    private final boolean copy;

    Task(KernelArgs args) {
      super(args.pool(), slices(args.input(1), args.input(0).shape().dim(1)));
      TensorView t = args.input(0);
      rows =
          new Matrix(
              t.dtype(),
              Segments.of(t),
              t.strideBytes(0),
              t.dtype().isBlock() ? 0 : t.dtype().blockBytes());
      start = Segments.start(t);
      vocabulary = t.shape().dim(0);
      d = Math.toIntExact(t.shape().dim(1));
      ids = Segments.of(args.input(1));
      wide = args.input(1).dtype() == ScalarType.I64;
      count = args.input(1).shape().elements();
      y = Segments.of(args.output());
      copy = args.output().dtype() == t.dtype();
    }

    private static int slices(TensorView ids, long d) {
      return sliceCount(ids.shape().elements(), Math.max(1, (32L << 10) / Math.max(1, d)));
    }

    @Override
    public void run(int slice) {
      long end = sliceStart(count, slices, slice + 1);
      for (long i = sliceStart(count, slices, slice); i < end; i++) {
        long id = wide ? ids.get(I64, 8 * i) : ids.get(I32, 4 * i);
        DataOp.Embedding.requireRow(i, id, vocabulary);
        long from = start + id * rows.lineBytes();
        if (copy) {
          long bytes = rows.dtype().bytes(d);
          MemorySegment.copy(rows.segment(), from, y, i * bytes, bytes);
        } else {
          rows.load(from, 0, d, y, i * 4L * d);
        }
      }
    }
  }
}
