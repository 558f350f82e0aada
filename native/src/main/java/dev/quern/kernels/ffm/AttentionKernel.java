package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.spi.GatheredAttention;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Attention with streaming softmax; q, k and v F32, F16 or BF16, k and v also Q8_0, mask F32 or
 * BOOL (rewritten as 0 and −∞ before each run). One query to a sequence is {@link AttentionStep}.
 * Otherwise a slice is a sequence, a K/V head with its group of query heads, and about {@value
 * #ROWS} query rows: the C kernels convert K and V once per slice.
 *
 * <p>FAST takes AMX tiles, which round to BF16, if K and V have 16 bits or fewer; F32 is not
 * rounded, as in products. BF16 takes tiles that round q and K as well, whatever they are.
 */
final class AttentionKernel implements Kernel {
  private static final long ROWS = 768;

  private final Functions functions;
  private final Functions.Function function;

  private AttentionKernel(Functions functions, Functions.Function function) {
    this.functions = functions;
    this.function = function;
  }

  /** The function that rounds what the precision allows, and no more. */
  private static Functions.Function function(Functions functions, KernelSignature s) {
    boolean wide = s.inputs().subList(1, 3).contains(ScalarType.F32);
    boolean tiles = s.precision() != Precision.EXACT && !wide;
    Functions.Function function =
        (tiles ? functions : functions.capped(Tier.AVX512)).get("attention");
    return s.precision() == Precision.BF16
        ? functions.find("attention_bf16").orElse(function)
        : function;
  }

  /** The kernel for a signature, or null if its formats or layouts are others. */
  static @Nullable Kernel of(Functions functions, KernelSignature s) {
    if (!(s.op() instanceof AttentionOp.Attention op)) {
      return null;
    }
    if (op.hasPages()) {
      return GatheredAttention.of(s, together -> of(functions, together));
    }
    DType q = s.inputs().getFirst();
    DType kv = s.inputs().get(1);
    List<DType> maskFormats = List.of(ScalarType.F32, ScalarType.BOOL);
    boolean formats =
        Elements.known(q)
            && AttentionOperands.known(kv)
            && (!op.hasMask() || maskFormats.contains(s.inputs().get(op.maskIndex())));
    for (int i = 0; i < 3; i++) {
      LayoutClass l = s.layouts().get(i);
      formats &= l == LayoutClass.CONTIGUOUS || l == LayoutClass.ROWS;
    }
    for (int i : new int[] {op.startsIndex(), op.lengthsIndex()}) {
      formats &= i < 0 || s.layouts().get(i) == LayoutClass.CONTIGUOUS;
    }
    return formats ? new AttentionKernel(functions, function(functions, s)) : null;
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
    return AttentionStep.fits(in.get(0), in.get(1))
        ? AttentionStep.scratchBytes(in)
        : Cut.of(in.get(0), in.get(1)).slices() * AttentionOperands.ARGS_BYTES
            + AttentionOperands.maskBytes(in);
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return AttentionStep.fits(args.input(0), args.input(1))
        ? new AttentionStep(functions, args)
        : new Call(functions, function, args);
  }

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final AttentionOperands x;
    private final MemorySegment parameters; // (slices) quern_attention_args, in scratch
    private final MemorySegment described; // (slices) the same, on the heap, for each run to copy
    private final Cut cut;
    private final long scratchBytes;
    private final TaskPool pool;
    private final TaskPool.Task task = this::attend;

    Call(Functions functions, Functions.Function function, KernelArgs args) {
      this.function = function.address();
      cut = Cut.of(args.input(0), args.input(1));
      long bytes = cut.slices() * AttentionOperands.ARGS_BYTES;
      parameters = args.scratch().asSlice(0, bytes);
      x = new AttentionOperands(args, args.scratch().asSlice(bytes));
      described = MemorySegment.ofArray(new byte[Math.toIntExact(bytes)]);
      pool = args.pool();
      long tq = x.q.shape().dim(1);
      long rows = Math.min(cut.queries(), tq) * x.group;
      scratchBytes = functions.attentionScratchBytes(rows, x.q.shape().dim(3), x.v.shape().dim(3));
      for (int s = 0; s < cut.slices(); s++) {
        x.describe(parameters(described, s), Math.min(cut.queries(), tq - query(s)));
      }
    }

    private long batch(int slice) {
      return slice / cut.perHead() / x.k.shape().dim(2);
    }

    private long head(int slice) {
      return slice / cut.perHead() % x.k.shape().dim(2);
    }

    private long query(int slice) {
      return slice % cut.perHead() * cut.queries();
    }

    private static MemorySegment parameters(MemorySegment all, int slice) {
      return all.asSlice(slice * AttentionOperands.ARGS_BYTES, AttentionOperands.ARGS_BYTES);
    }

    @Override
    public void run() {
      x.prepare();
      MemorySegment.copy(described, 0, parameters, 0, described.byteSize());
      for (int s = 0; s < cut.slices(); s++) {
        long b = batch(s);
        long length = x.length(b);
        long at = s * AttentionOperands.ARGS_BYTES;
        parameters.set(JAVA_LONG, at + AttentionOperands.KEYS, length);
        parameters.set(
            JAVA_LONG, at + AttentionOperands.FIRST_POSITION, x.start(b, length) + query(s));
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
          AttentionOperands.at(x.q, b, t, h * x.group),
          AttentionOperands.at(x.k, b, 0, h),
          AttentionOperands.at(x.v, b, 0, h),
          x.mask(b, h, t),
          AttentionOperands.at(x.out, b, t, h * x.group),
          x.lse(b, h, t),
          parameters(parameters, slice),
          scratch);
      Scratch.give(scratch);
    }
  }
}
