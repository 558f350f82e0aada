package dev.quern.core.spi;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Pages;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Attention to keys and values in {@link Pages}, on the host, by a kernel that takes them together:
 * the rows that some query may see are copied to working memory first, [b, hkv, tk, d], and never
 * those behind them, however many a table has room for. The bits are that kernel's.
 */
public final class GatheredAttention implements Kernel {
  private static final int ALIGNMENT = 64;

  private final Kernel kernel;

  private GatheredAttention(Kernel kernel) {
    this.kernel = kernel;
  }

  /**
   * The kernel for a signature with pages.
   *
   * @param s the signature, of an {@link Attention} that has pages
   * @param find the kernel for a signature without
   * @return the kernel, or null if there is none, or if rows of keys or values have gaps
   */
  public static @Nullable Kernel of(
      KernelSignature s, Function<KernelSignature, ? extends @Nullable Kernel> find) {
    Attention op = (Attention) s.op();
    List<DType> inputs = s.inputs().subList(0, op.pagesIndex());
    List<LayoutClass> layouts = new ArrayList<>(s.layouts().subList(0, op.pagesIndex()));
    for (int i = 1; i < 3; i++) {
      if (layouts.get(i).compareTo(LayoutClass.ROWS) > 0) {
        return null;
      }
      layouts.set(i, LayoutClass.ROWS);
    }
    Kernel kernel =
        find.apply(
            new KernelSignature(
                op.withPages(false),
                inputs,
                List.copyOf(layouts),
                s.outputs(),
                s.residuals(),
                s.precision()));
    return kernel == null ? null : new GatheredAttention(kernel);
  }

  @Override
  public String name() {
    return kernel.name() + " pages";
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    MemorySegment none = MemorySegment.NULL;
    return bytes(in, 1) + bytes(in, 2) + kernel.scratchBytes(together(in, none, none), out);
  }

  /** Room for the keys (1) or values (2) of all sequences. */
  private static long bytes(List<TensorView> in, int operand) {
    TensorView pool = in.get(operand);
    Shape s = Pages.sequences(pool.shape(), in.getLast().shape());
    return Math.ceilDiv(pool.dtype().bytes(s.elements()), ALIGNMENT) * ALIGNMENT;
  }

  /** The inputs as the other kernel gets them. */
  private static List<TensorView> together(
      List<TensorView> in, MemorySegment keys, MemorySegment values) {
    List<TensorView> together = new ArrayList<>(in.subList(0, in.size() - 1));
    together.set(1, together(in.get(1), in.getLast().shape(), keys));
    together.set(2, together(in.get(2), in.getLast().shape(), values));
    return together;
  }

  private static TensorView together(TensorView pool, Shape table, MemorySegment memory) {
    Shape s = Pages.sequences(pool.shape(), table);
    Layout heads = Layout.contiguous(Shape.of(s.dim(0), s.dim(2), s.dim(1), s.dim(3)));
    return new TensorView(pool.dtype(), heads.permute(List.of(0, 2, 1, 3)), memory);
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(kernel, args);
  }

  private static final class Call implements Runnable {
    /** Less is not worth waking anybody. */
    private static final long INLINE_BYTES = 64 << 10;

    /**
     * Kernels may begin at a tile's first key, before the first that is seen; none's are longer.
     */
    private static final long TILE = 512;

    private final Attention op;
    private final PageTable table;
    private final TensorView[] pools; // of keys, of values
    private final TensorView[] copies;
    private final @Nullable TensorView starts;
    private final @Nullable TensorView lengths;
    private final long queries;
    private final long[] first; // (b): the first row that is read
    private final long[] end; // (b): one more than the last
    private final TaskPool pool;
    private final TaskPool.Task task = this::copyPage;
    private final Runnable attention;

    Call(Kernel kernel, KernelArgs args) {
      List<TensorView> in = args.inputs();
      op = (Attention) args.op();
      table = new PageTable(in.getLast(), in.get(1));
      MemorySegment scratch = args.scratch();
      long keyBytes = bytes(in, 1);
      long rowBytes = keyBytes + bytes(in, 2);
      List<TensorView> together =
          together(
              in, scratch.asSlice(0, keyBytes), scratch.asSlice(keyBytes, rowBytes - keyBytes));
      pools = new TensorView[] {in.get(1), in.get(2)};
      copies = new TensorView[] {together.get(1), together.get(2)};
      starts = op.hasStarts() ? in.get(op.startsIndex()) : null;
      lengths = op.hasLengths() ? in.get(op.lengthsIndex()) : null;
      queries = in.getFirst().shape().dim(1);
      first = new long[Math.toIntExact(in.getFirst().shape().dim(0))];
      end = new long[first.length];
      pool = args.pool();
      attention =
          kernel.bind(
              new KernelArgs(
                  op.withPages(false),
                  together,
                  args.outputs(),
                  args.precision(),
                  args.pool(),
                  scratch.asSlice(rowBytes)));
    }

    private static int value(TensorView x, int b) {
      return x.segment().get(ValueLayout.JAVA_INT, x.offsetBytes() + b * x.strideBytes(0));
    }

    @Override
    public void run() {
      table.check("attention");
      long most = 0;
      long rows = 0;
      for (int b = 0; b < first.length; b++) {
        see(b);
        rows += end[b] - first[b];
        most = Math.max(most, pagesOf(b));
      }
      int slices = Math.toIntExact(most * first.length);
      if (rows * rowBytes(pools[0]) + rows * rowBytes(pools[1]) <= INLINE_BYTES) {
        for (int slice = 0; slice < slices; slice++) {
          copyPage(slice);
        }
      } else {
        pool.parallelFor(slices, task);
      }
      attention.run();
    }

    private static long rowBytes(TensorView x) {
      return x.dtype().bytes(x.shape().dim(2) * x.shape().dim(3));
    }

    /** Which keys some query of a sequence may see; a length that is wrong is refused later. */
    private void see(int b) {
      long all = table.rows();
      long length = lengths == null ? all : Math.clamp(value(lengths, b), 0, all);
      long start = starts == null ? length - queries : value(starts, b);
      end[b] = op.causal() ? Math.clamp(start + queries, 0, length) : length;
      long seen = op.window() > 0 ? Math.clamp(start - op.window() + 1, 0, end[b]) : 0;
      first[b] = seen / TILE * TILE;
    }

    private long pagesOf(int b) {
      return Math.ceilDiv(end[b], table.size()) - first[b] / table.size();
    }

    private void copyPage(int slice) {
      int b = slice % first.length;
      long i = slice / first.length;
      if (i < pagesOf(b)) {
        long row = (first[b] / table.size() + i) * table.size();
        long page = table.page(b, row);
        long count = Math.min(table.size(), end[b] - row);
        copy(pools[0], page, copies[0], b, row, count);
        copy(pools[1], page, copies[1], b, row, count);
      }
    }

    /** A page's first rows, of all heads. */
    private static void copy(
        TensorView from, long page, TensorView to, long b, long row, long count) {
      long bytes = from.dtype().bytes(from.shape().dim(3));
      boolean together = from.strideBytes(1) == bytes;
      for (long h = 0; h < from.shape().dim(2); h++) {
        long source = from.offsetBytes() + page * from.strideBytes(0) + h * from.strideBytes(2);
        long target = b * to.strideBytes(0) + row * to.strideBytes(1) + h * to.strideBytes(2);
        long step = together ? count : 1;
        for (long r = 0; r < count; r += step) {
          MemorySegment.copy(
              from.segment(),
              source + r * from.strideBytes(1),
              to.segment(),
              target + r * bytes,
              step * bytes);
        }
      }
    }
  }
}
