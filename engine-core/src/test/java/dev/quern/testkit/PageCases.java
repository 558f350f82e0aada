package dev.quern.testkit;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.BufferOp;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.testkit.Samples.Mix;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention to keys and values in pages, and writes of rows to their pages. Tables are scrambled,
 * and pools have pages that no table names.
 */
final class PageCases {
  private static final int SPARE = 3;

  /** Extents of one case: n pages of so many rows for each of b sequences. */
  private record Size(int b, int tq, int n, int size, int h, int hkv, int d, int dv) {
    int rows() {
      return n * size;
    }

    int pages() {
      return b * n + SPARE;
    }
  }

  private static final List<Size> SIZES =
      List.of(
          new Size(2, 1, 40, 1, 4, 2, 32, 32),
          new Size(2, 3, 5, 16, 2, 2, 64, 32),
          new Size(3, 1, 5, 64, 4, 2, 64, 64),
          new Size(2, 33, 2, 64, 6, 2, 64, 64),
          new Size(1, 67, 2, 128, 2, 1, 128, 128),
          new Size(2, 1, 3, 128, 8, 1, 64, 96),
          new Size(2, 70, 3, 32, 2, 1, 96, 64));

  private PageCases() {}

  static void add(List<KernelCase> to) {
    for (ScalarType t : List.of(ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16)) {
      attention(to, t, t);
    }
    for (DType kv : List.of(ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0)) {
      List<KernelCase> exact = new ArrayList<>();
      attention(exact, ScalarType.F32, kv);
      to.addAll(exact);
      exact.forEach(c -> to.add(c.fast()));
    }
    List<KernelCase> same = new ArrayList<>();
    attention(same, ScalarType.BF16, ScalarType.BF16);
    attention(same, ScalarType.F16, ScalarType.F16);
    same.forEach(c -> to.add(c.fast()));
    for (DType cache :
        List.of(
            ScalarType.F32, ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0)) {
      cacheWrite(to, cache, ScalarType.F32);
      cacheWrite(to, cache, cache);
    }
  }

  private static void attention(List<KernelCase> to, ScalarType t, DType kv) {
    Samples s = new Samples(t.ordinal() + 17L * kv.name().hashCode());
    Attention decode = new Attention(true, 0.1f, 0, 0, false, true, false).withPages(true);
    Attention lengths = new Attention(false, 0.1f, 0, 0, false, false, true).withPages(true);
    Attention window = new Attention(true, 0.1f, 3, 20, false, true, true).withPages(true);
    Attention mask = new Attention(true, 0.1f, 0, 0, true, true, true).withPages(true);
    for (Size z : SIZES) {
      for (boolean shared : new boolean[] {false, true}) {
        to.add(one(s, t, kv, z, decode, shared));
        to.add(one(s, t, kv, z, window, shared));
      }
      to.add(one(s, t, kv, z, lengths, false));
      to.add(one(s, t, kv, z, mask, false));
      to.add(one(s, t, kv, z, decode, true).withResiduals());
    }
    Size short0 = new Size(3, 1, 2, 64, 4, 2, 64, 64);
    double[] table = table(short0, true);
    to.add(
        one(s, t, kv, short0, window, true)
            .withLast(new double[] {-1, 0, 70}, new double[] {0, 1, 65}, table));
    to.add(
        one(s, t, kv, short0, window, true)
            .withLast(new double[] {127, 400, 63}, new double[] {128, 128, 64}, table));
  }

  private static KernelCase one(
      Samples s, ScalarType t, DType kv, Size z, Attention op, boolean shared) {
    List<Operand> in = new ArrayList<>();
    in.add(s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 0.5, z.b, z.tq, z.h, z.d));
    in.add(pool(s, kv, z, z.d, shared));
    in.add(pool(s, kv, z, z.dv, shared));
    if (op.hasMask()) {
      in.add(s.of(ScalarType.BOOL, LayoutKind.CONTIGUOUS, Mix.PLAIN, z.b, 1, z.tq, z.rows()));
    }
    Shape each = Shape.of(z.b);
    if (op.hasStarts()) {
      in.add(s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, each, 0, z.rows() - z.tq + 1));
    }
    if (op.hasLengths()) {
      in.add(s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, each, 1, z.rows() + 1));
    }
    LayoutKind kind = shared ? LayoutKind.ROWS : LayoutKind.CONTIGUOUS;
    in.add(s.given(ScalarType.I32, kind, Shape.of(z.b, z.n), table(z, shared)));
    return new KernelCase(op, List.copyOf(in), Precision.EXACT, false);
  }

  /** A pool whose pages are heads of rows, as caches are, or rows of heads. */
  private static Operand pool(Samples s, DType t, Size z, int d, boolean headsFirst) {
    if (!headsFirst) {
      return s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, z.pages(), z.size, z.hkv, d);
    }
    Operand o = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, z.pages(), z.hkv, z.size, d);
    return o.with(o.view().layout().permute(List.of(0, 2, 1, 3)));
  }

  /** Scrambled pages, each once; if they are shared, sequences have their first in common. */
  private static double[] table(Size z, boolean shared) {
    double[] table = new double[z.b * z.n];
    int step = 7;
    while (z.pages() % step == 0) {
      step += 2;
    }
    for (int i = 0; i < table.length; i++) {
      int of = shared && i % z.n < (z.n + 1) / 2 ? i % z.n : i;
      table[i] = (of + 1) * step % z.pages();
    }
    return table;
  }

  private static void cacheWrite(List<KernelCase> to, DType cache, DType rows) {
    Samples s = new Samples(3L * cache.name().hashCode() + rows.blockBytes());
    int d = cache.isBlock() ? 64 : 40;
    for (int size : new int[] {1, 4, 16, 128}) {
      for (int t : new int[] {1, 5, 21}) {
        for (boolean headsFirst : new boolean[] {false, true}) {
          Size z = new Size(2, t, size > 4 ? 3 : 24, size, 3, 3, d, d);
          Operand pool = pool(s, cache, z, d, headsFirst);
          Operand x = s.of(rows, LayoutKind.CONTIGUOUS, Mix.HUGE, z.b, t, z.hkv, d);
          Shape each = Shape.of(z.b);
          Operand starts =
              s.integers(ScalarType.I32, LayoutKind.CONTIGUOUS, each, 0, z.rows() - t + 1);
          Operand table =
              s.given(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(z.b, z.n), table(z, false));
          to.add(KernelCase.of(new BufferOp.CacheWrite(true), pool, x, starts, table));
        }
      }
    }
  }

  static void addRefusals(List<Refusal> to) {
    attentionRefusals(to, ScalarType.F32, ScalarType.F32);
    attentionRefusals(to, ScalarType.F32, ScalarType.F16);
    attentionRefusals(to, ScalarType.F32, BlockType.Q8_0);
    attentionRefusals(to, ScalarType.BF16, ScalarType.BF16);
    for (DType cache : List.of(ScalarType.F32, ScalarType.F16, BlockType.Q8_0)) {
      cacheWriteRefusals(to, cache, ScalarType.F32);
      cacheWriteRefusals(to, cache, cache);
    }
  }

  /** An entry of keys that no query sees is refused as any other. */
  private static void attentionRefusals(List<Refusal> to, ScalarType t, DType kv) {
    Samples s = new Samples(t.ordinal());
    for (Size z :
        List.of(new Size(2, 1, 3, 64, 2, 1, 64, 64), new Size(2, 20, 3, 8, 2, 1, 32, 32))) {
      for (int wrong : new int[] {-1, z.pages(), Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        for (int at = z.n; at < 2 * z.n; at++) {
          Attention op = new Attention(true, 0.25f, 0, 0, false, true, false).withPages(true);
          double[] table = table(z, false);
          table[at] = wrong;
          KernelCase call = one(s, t, kv, z, op, false).withLast(new double[] {3, 4}, table);
          String message = "pages[1, " + (at - z.n) + "] is " + wrong + ",";
          for (KernelCase c : List.of(call, call.fast())) {
            to.add(new Refusal(c, IndexException.class, message));
          }
        }
      }
    }
  }

  private static void cacheWriteRefusals(List<Refusal> to, DType cache, DType rows) {
    Samples s = new Samples(cache.name().hashCode() + rows.blockBytes());
    for (int t : new int[] {1, 6}) {
      Size z = new Size(2, t, 3, 4, 3, 3, 32, 32);
      Operand x = s.of(rows, LayoutKind.CONTIGUOUS, Mix.PLAIN, z.b, t, z.hkv, z.d);
      for (int wrong : new int[] {-1, z.pages(), Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        double[] table = table(z, false);
        table[z.n + 1] = wrong;
        to.add(refusal(s, cache, z, x, 4, table, "pages[1, 1] is " + wrong + ","));
      }
      for (int start : new int[] {-1, z.rows() - t + 1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
        to.add(refusal(s, cache, z, x, start, table(z, false), null));
      }
    }
  }

  /** Of a write whose table is wrong, or, without a message, whose rows have no place. */
  private static Refusal refusal(
      Samples s, DType cache, Size z, Operand x, int start, double[] table, String message) {
    Operand starts = s.given(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(z.b), 0, start);
    Operand pages = s.given(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(z.b, z.n), table);
    Operand pool = pool(s, cache, z, z.d, true);
    KernelCase call = KernelCase.of(new BufferOp.CacheWrite(true), pool, x, starts, pages);
    return message == null
        ? new Refusal(call, ShapeException.class, "sequence 1: rows " + start + "..")
        : new Refusal(call, IndexException.class, message);
  }
}
