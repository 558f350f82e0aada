package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Attention with streaming softmax; q F32, k and v F32, F16 or BF16, mask F32 or BOOL (rewritten as
 * 0 and −∞ before each run). A slice is a sequence, a K/V head with its group of query heads, and
 * about {@value #ROWS} query rows: the C kernels convert K and V once per slice.
 *
 * <p>FAST takes AMX tiles, which round to BF16, if K and V have 16 bits; F32 is not rounded, as in
 * products. Tiles win from one query on (keys of 64 elements, F16, one core): 2048 keys 11 GB/s of
 * K and V, against 5.8 with AVX-512 (16 keys: 1.7 µs, against 1.2); 64 queries × 4 heads 373
 * GFLOP/s, against 99.
 */
final class AttentionKernel implements Kernel {
  private static final long ROWS = 256;

  /** Bytes of {@code quern_attention_args}, rounded up to a cache line. */
  private static final long ARGS_BYTES = 192;

  private final Functions functions;
  private final Functions.Function function;

  private AttentionKernel(Functions functions, boolean tiles) {
    this.functions = functions;
    Functions allowed = tiles ? functions : functions.capped(Tier.AVX512);
    this.function = allowed.get("attention");
  }

  /** The kernel for a signature, or null if its formats or layouts are others. */
  static @Nullable AttentionKernel of(Functions functions, KernelSignature s) {
    if (!(s.op() instanceof AttentionOp.Attention op)) {
      return null;
    }
    DType kv = s.inputs().get(1);
    List<DType> maskFormats = List.of(ScalarType.F32, ScalarType.BOOL);
    boolean formats =
        s.inputs().getFirst() == ScalarType.F32
            && (kv == ScalarType.F32 || kv == ScalarType.F16 || kv == ScalarType.BF16)
            && (!op.hasMask() || maskFormats.contains(s.inputs().get(op.maskIndex())));
    for (int i = 0; i < 3; i++) {
      LayoutClass l = s.layouts().get(i);
      formats &= l == LayoutClass.CONTIGUOUS || l == LayoutClass.ROWS;
    }
    for (int i : new int[] {op.startsIndex(), op.lengthsIndex()}) {
      formats &= i < 0 || s.layouts().get(i) == LayoutClass.CONTIGUOUS;
    }
    boolean tiles =
        s.precision() == Precision.FAST
            && kv != ScalarType.F32
            && s.inputs().get(2) != ScalarType.F32;
    return formats ? new AttentionKernel(functions, tiles) : null;
  }

  @Override
  public String name() {
    return "attention " + function.tier().suffix();
  }

  /** How the call is cut: queries to a slice, and slices. */
  private record Cut(long queries, int perHead, int slices) {
    static Cut of(TensorView q, TensorView k) {
      long group = q.shape().dim(2) / k.shape().dim(2);
      long queries = Math.max(1, ROWS / group);
      int perHead = Math.toIntExact((q.shape().dim(1) + queries - 1) / queries);
      long heads = q.shape().dim(0) * k.shape().dim(2);
      return new Cut(queries, perHead, Math.toIntExact(heads * perHead));
    }
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    long mask = in.stream().filter(x -> x.dtype() == ScalarType.BOOL).mapToLong(Masks::bytes).sum();
    return Cut.of(in.get(0), in.get(1)).slices() * ARGS_BYTES + mask;
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return new Call(functions, function, (AttentionOp.Attention) args.op(), args);
  }

  private static final class Call implements Runnable {
    private static final long FIRST_POSITION = 5 * Long.BYTES;
    private static final long KEYS = 4 * Long.BYTES;

    private final MemorySegment function;
    private final TensorView q; // (b, tq, h, d)
    private final TensorView k; // (b, tk, hkv, d)
    private final TensorView v; // (b, tk, hkv, dv)
    private final TensorView out; // (b, tq, h, dv), no gaps
    private final @Nullable TensorView booleans; // the mask, if it is BOOL
    private final @Nullable TensorView mask; // F32, broadcasts to (b, h, tq, tk)
    private final @Nullable TensorView lse; // (b, h, tq), no gaps
    private final @Nullable MemorySegment starts; // (b) I32
    private final @Nullable MemorySegment lengths; // (b) I32
    private final MemorySegment parameters; // (slices) quern_attention_args, in scratch
    private final MemorySegment described; // (slices) the same, on the heap, for each run to copy
    private final Cut cut;
    private final long group;
    private final long scratchBytes;
    private final TaskPool pool;
    private final TaskPool.Task task = this::attend;

    Call(
        Functions functions,
        Functions.Function function,
        AttentionOp.Attention op,
        KernelArgs args) {
      this.function = function.address();
      q = args.input(0);
      k = args.input(1);
      v = args.input(2);
      out = args.output();
      TensorView given = op.hasMask() ? args.input(op.maskIndex()) : null;
      booleans = given != null && given.dtype() == ScalarType.BOOL ? given : null;
      lse = args.outputs().size() > 1 ? args.outputs().get(1) : null;
      starts = op.hasStarts() ? args.input(op.startsIndex()).base() : null;
      lengths = op.hasLengths() ? args.input(op.lengthsIndex()).base() : null;
      cut = Cut.of(q, k);
      group = q.shape().dim(2) / k.shape().dim(2);
      parameters = args.scratch();
      mask =
          booleans == null
              ? given
              : Masks.additive(booleans, parameters.asSlice(cut.slices() * ARGS_BYTES));
      described = MemorySegment.ofArray(new byte[Math.toIntExact(cut.slices() * ARGS_BYTES)]);
      pool = args.pool();
      long rows = Math.min(cut.queries(), q.shape().dim(1)) * group;
      scratchBytes = functions.attentionScratchBytes(rows, q.shape().dim(3), v.shape().dim(3));
      for (int s = 0; s < cut.slices(); s++) {
        describe(op, s);
      }
    }

    private long batch(int slice) {
      return slice / cut.perHead() / k.shape().dim(2);
    }

    private long head(int slice) {
      return slice / cut.perHead() % k.shape().dim(2);
    }

    private long query(int slice) {
      return slice % cut.perHead() * cut.queries();
    }

    /**
     * Writes a slice's {@code quern_attention_args}; keys and first_position follow at each run.
     */
    private void describe(AttentionOp.Attention op, int slice) {
      Shape o = out.shape();
      long value = v.shape().dim(3);
      long queries = Math.min(cut.queries(), o.dim(1) - query(slice));
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
        o.dim(2) * value,
        value,
        maskStride(2),
        maskStride(1),
        maskStride(3),
        1,
        o.dim(1),
        op.causal() ? 1 : 0
      };
      MemorySegment p = described.asSlice(slice * ARGS_BYTES, ARGS_BYTES);
      MemorySegment.copy(fields, 0, p, JAVA_LONG_UNALIGNED, 0, fields.length);
      long at = (long) fields.length * Long.BYTES;
      p.set(JAVA_FLOAT_UNALIGNED, at, op.scale());
      p.set(JAVA_FLOAT_UNALIGNED, at + 4, op.softCap());
      p.set(JAVA_INT_UNALIGNED, at + 8, format(k.dtype()));
      p.set(JAVA_INT_UNALIGNED, at + 12, format(v.dtype()));
    }

    private MemorySegment parameters(int slice) {
      return parameters.asSlice(slice * ARGS_BYTES, ARGS_BYTES);
    }

    /** The mask's stride on an axis of (b, h, tq, tk); 0 where it broadcasts. */
    private long maskStride(int axis) {
      if (mask == null) {
        return 0;
      }
      int own = axis - (4 - mask.shape().rank());
      return own < 0 || mask.shape().dim(own) == 1 ? 0 : mask.layout().stride(own);
    }

    private static int format(DType t) {
      return t == ScalarType.F32 ? 0 : t == ScalarType.F16 ? 1 : 2;
    }

    @Override
    public void run() {
      if (booleans != null && mask != null) {
        Masks.fill(booleans, mask);
      }
      MemorySegment.copy(described, 0, parameters, 0, described.byteSize());
      for (int s = 0; s < cut.slices(); s++) {
        long b = batch(s);
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
        long start = starts == null ? length - q.shape().dim(1) : starts.getAtIndex(JAVA_INT, b);
        parameters.set(JAVA_LONG, s * ARGS_BYTES + KEYS, length);
        parameters.set(JAVA_LONG, s * ARGS_BYTES + FIRST_POSITION, start + query(s));
      }
      pool.parallelFor(cut.slices(), task);
    }

    private void attend(int slice) {
      long b = batch(slice);
      long h = head(slice);
      long t = query(slice);
      MemorySegment scratch = Scratch.take(scratchBytes);
      Calls.attention(
          function,
          at(q, b, t, h * group),
          at(k, b, 0, h),
          at(v, b, 0, h),
          mask == null
              ? MemorySegment.NULL
              : mask.base()
                  .asSlice(
                      Float.BYTES
                          * (b * maskStride(0) + h * group * maskStride(1) + t * maskStride(2))),
          at(out, b, t, h * group),
          lse == null
              ? MemorySegment.NULL
              : lse.base()
                  .asSlice(
                      Float.BYTES
                          * ((b * out.shape().dim(2) + h * group) * out.shape().dim(1) + t)),
          parameters(slice),
          scratch);
      Scratch.give(scratch);
    }

    private static MemorySegment at(TensorView x, long batch, long time, long head) {
      long offset =
          x.layout().offset()
              + batch * x.layout().stride(0)
              + time * x.layout().stride(1)
              + head * x.layout().stride(2);
      return x.segment().asSlice(x.dtype().bytes(offset));
    }
  }
}
