package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.PageTable;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import org.jspecify.annotations.Nullable;

/** What attention and its gradient have in common: which keys a query sees, and their scores. */
final class AttentionCall {
  final Attention op;
  final TensorView q; // (B, TQ, H, D)
  final TensorView k; // (B, TK, HKV, D), or in pages
  final TensorView v; // (B, TK, HKV, DV), or in pages
  private final KernelArgs args;
  private final @Nullable PageTable pages;
  private final long tk;
  private final @Nullable Layout mask; // (B, H, TQ, TK), broadcast
  private final @Nullable Elements maskValues;
  private final boolean additive;

  AttentionCall(Attention op, KernelArgs args) {
    this.op = op;
    this.args = args;
    q = args.input(0);
    k = args.input(1);
    v = args.input(2);
    pages = op.hasPages() ? new PageTable(args.input(op.pagesIndex()), k) : null;
    tk = pages == null ? k.shape().dim(1) : pages.rows();
    Shape s = q.shape();
    TensorView m = op.hasMask() ? args.input(op.maskIndex()) : null;
    mask = m == null ? null : m.layout().expand(Shape.of(s.dim(0), s.dim(2), s.dim(1), tk));
    maskValues = m == null ? null : Elements.of(m);
    additive = m != null && m.dtype() != ScalarType.BOOL;
  }

  /** Before each run: refuses pages that there are not. */
  void check() {
    if (pages != null) {
      pages.check("attention");
    }
  }

  /** How many keys of a sequence there are. */
  long length(long b) {
    long length = op.hasLengths() ? perSequence(op.lengthsIndex(), b) : tk;
    if (length < 0 || length > tk) {
      throw new IndexException(
          "[attention] lengths["
              + b
              + "] is "
              + length
              + ", outside 0.."
              + tk
              + "; a sequence can't be longer than its keys");
    }
    return length;
  }

  /** The position of a sequence's first query. */
  long start(long b, long length) {
    return op.hasStarts() ? perSequence(op.startsIndex(), b) : length - q.shape().dim(1);
  }

  /** The first key that a query at a position may see. */
  long firstKey(long position) {
    return op.window() > 0 ? Math.max(0, position - op.window() + 1) : 0;
  }

  /** One more than the last key that a query at a position may see. */
  long endKey(long position, long length) {
    return op.causal() ? Math.min(length, position + 1) : length;
  }

  private long perSequence(int input, long b) {
    TensorView x = args.input(input);
    return Elements.of(x).getLong(x.layout().offset() + b * x.layout().stride(0));
  }

  /** Where the vector of a token and head begins. */
  static long at(TensorView x, long b, long t, long h) {
    Layout l = x.layout();
    return l.offset() + b * l.stride(0) + t * l.stride(1) + h * l.stride(2);
  }

  /** A token's vector of a head. */
  static void read(TensorView x, Elements in, long b, long t, long h, double[] into) {
    in.read(at(x, b, t, h), x.layout().stride(3), into, 0, into.length);
  }

  /** The vectors of a head of keys or values, widened. */
  double[][] rows(TensorView x, long b, long h, long length) {
    Elements in = Elements.of(x);
    double[][] rows = new double[Math.toIntExact(length)][Math.toIntExact(x.shape().dim(3))];
    for (int t = 0; t < length; t++) {
      if (pages == null) {
        read(x, in, b, t, h, rows[t]);
      } else {
        read(x, in, pages.page(b, t), pages.within(t), h, rows[t]);
      }
    }
    return rows;
  }

  /** scale · q·k, capped; the mask is not in it. */
  double score(double[] query, double[] key) {
    double s = op.scale() * MatMulKernels.dot(query, 0, key);
    return op.softCap() == 0 ? s : op.softCap() * StrictMath.tanh(s / op.softCap());
  }

  /** A score with the mask: −∞ if the key is hidden. */
  double masked(double s, long b, long h, long i, long j) {
    if (mask == null || maskValues == null) {
      return s;
    }
    long at =
        mask.offset()
            + b * mask.stride(0)
            + h * mask.stride(1)
            + i * mask.stride(2)
            + j * mask.stride(3);
    if (additive) {
      return s + maskValues.get(at);
    }
    return maskValues.getLong(at) != 0 ? s : Double.NEGATIVE_INFINITY;
  }
}
