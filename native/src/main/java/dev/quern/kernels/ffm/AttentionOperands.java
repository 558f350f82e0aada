package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What an attention call works on, and how C is told of it. */
final class AttentionOperands {
  /** Bytes of {@code quern_attention_args}, rounded up to a cache line. */
  static final long ARGS_BYTES = 192;

  /** Where the struct has {@code keys} and {@code first_position}. */
  static final long KEYS = 4 * Long.BYTES;

  static final long FIRST_POSITION = 5 * Long.BYTES;

  private static final int Q8_0 = 3;

  final AttentionOp.Attention op;
  final TensorView q; // (b, tq, h, d)
  final TensorView k; // (b, tk, hkv, d)
  final TensorView v; // (b, tk, hkv, dv)
  final TensorView out; // (b, tq, h, dv), no gaps
  final long group; // query heads to a K/V head
  private final @Nullable TensorView booleans; // the mask, if it is BOOL
  private final @Nullable TensorView mask; // F32, broadcasts to (b, h, tq, tk)
  private final @Nullable TensorView lse; // (b, h, tq), no gaps
  private final @Nullable MemorySegment starts; // (b) I32
  private final @Nullable MemorySegment lengths; // (b) I32

  /**
   * The operands of a call.
   *
   * @param maskMemory where a BOOL mask is rewritten to: {@link #maskBytes}
   */
  AttentionOperands(KernelArgs args, MemorySegment maskMemory) {
    this(
        (AttentionOp.Attention) args.op(),
        args,
        args.output(),
        args.outputs().size() > 1 ? args.outputs().get(1) : null,
        maskMemory);
  }

  /**
   * The operands of a call, or of its gradient.
   *
   * @param op attention
   * @param args its inputs come first
   * @param out the result, without gaps
   * @param lse the log-sum-exps, without gaps
   * @param maskMemory where a BOOL mask is rewritten to: {@link #maskBytes}
   */
  AttentionOperands(
      AttentionOp.Attention op,
      KernelArgs args,
      TensorView out,
      @Nullable TensorView lse,
      MemorySegment maskMemory) {
    this.op = op;
    this.out = out;
    this.lse = lse;
    q = args.input(0);
    k = args.input(1);
    v = args.input(2);
    group = q.shape().dim(2) / k.shape().dim(2);
    TensorView given = op.hasMask() ? args.input(op.maskIndex()) : null;
    booleans = given != null && given.dtype() == ScalarType.BOOL ? given : null;
    mask = booleans == null ? given : Masks.additive(booleans, maskMemory);
    starts = op.hasStarts() ? args.input(op.startsIndex()).base() : null;
    lengths = op.hasLengths() ? args.input(op.lengthsIndex()).base() : null;
  }

  /** Memory for a BOOL mask; 0 if there is none. */
  static long maskBytes(List<TensorView> in) {
    return in.stream().filter(x -> x.dtype() == ScalarType.BOOL).mapToLong(Masks::bytes).sum();
  }

  /** Before each run: what the operands' values decide. */
  void prepare() {
    if (booleans != null && mask != null) {
      Masks.fill(booleans, mask);
    }
  }

  /** Valid keys of a sequence. */
  long length(long b) {
    long keys = k.shape().dim(1);
    long length = lengths == null ? keys : lengths.getAtIndex(JAVA_INT, b);
    if (length < 0 || length > keys) {
      throw new IndexException(
          "[attention] lengths["
              + b
              + "] is "
              + length
              + ", outside 0.."
              + keys
              + "; give the number of valid keys of each sequence");
    }
    return length;
  }

  /** Position of a sequence's first query. */
  long start(long b, long length) {
    return starts == null ? length - q.shape().dim(1) : starts.getAtIndex(JAVA_INT, b);
  }

  /** Writes {@code quern_attention_args}, but for keys and first_position. */
  void describe(MemorySegment p, long queries) {
    long value = v.shape().dim(3);
    long[] fields = {
      queries,
      group,
      q.shape().dim(3),
      value,
      0,
      0,
      op.window(),
      q.layout().stride(1),
      q.layout().stride(2),
      k.layout().stride(1),
      v.layout().stride(1),
      out.shape().dim(2) * value,
      value,
      maskStride(2),
      maskStride(1),
      maskStride(3),
      1,
      out.shape().dim(1),
      op.causal() ? 1 : 0
    };
    MemorySegment.copy(fields, 0, p, JAVA_LONG_UNALIGNED, 0, fields.length);
    long at = (long) fields.length * Long.BYTES;
    p.set(JAVA_FLOAT_UNALIGNED, at, op.scale());
    p.set(JAVA_FLOAT_UNALIGNED, at + 4, op.softCap());
    p.set(JAVA_INT_UNALIGNED, at + 8, format(k));
    p.set(JAVA_INT_UNALIGNED, at + 12, format(v));
    p.set(JAVA_INT_UNALIGNED, at + 16, Elements.format(q.dtype()));
    p.set(JAVA_INT_UNALIGNED, at + 20, Elements.format(out.dtype()));
  }

  /** Whether C reads keys and values of this type. */
  static boolean known(DType kv) {
    return Elements.known(kv) || kv == BlockType.Q8_0;
  }

  /** The number of keys' or values' type: {@code QUERN_Q8_0} or that of plain elements. */
  private static int format(TensorView kv) {
    return kv.dtype() == BlockType.Q8_0 ? Q8_0 : Elements.format(kv.dtype());
  }

  /** The mask's stride on an axis of (b, h, tq, tk); 0 where it broadcasts. */
  private long maskStride(int axis) {
    if (mask == null) {
      return 0;
    }
    int own = axis - (4 - mask.shape().rank());
    return own < 0 || mask.shape().dim(own) == 1 ? 0 : mask.layout().stride(own);
  }

  /** The mask of a K/V head's queries from t on, or a null pointer. */
  MemorySegment mask(long b, long head, long t) {
    return mask == null || mask.shape().elements() == 0
        ? MemorySegment.NULL
        : mask.segment()
            .asSlice(
                mask.offsetBytes()
                    + Float.BYTES
                        * (b * maskStride(0) + head * group * maskStride(1) + t * maskStride(2)));
  }

  /** The log-sum-exps of a K/V head's queries from t on, or a null pointer. */
  MemorySegment lse(long b, long head, long t) {
    return lse == null
        ? MemorySegment.NULL
        : lse.base()
            .asSlice(
                Float.BYTES * ((b * out.shape().dim(2) + head * group) * out.shape().dim(1) + t));
  }

  /**
   * An operand's element (b, t, head, 0); of one without elements, which has no memory, nothing.
   */
  static MemorySegment at(TensorView x, long b, long t, long head) {
    if (x.shape().elements() == 0) {
      return x.segment();
    }
    long offset =
        x.layout().offset()
            + b * x.layout().stride(0)
            + t * x.layout().stride(1)
            + head * x.layout().stride(2);
    return x.segment().asSlice(x.dtype().bytes(offset));
  }
}
