package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gradients of attention from its log-sum-exp, F32; the mask F32 or BOOL. A slice is a sequence and
 * a K/V head with its group of query heads, so that each sum has one writer. Precision BF16 takes
 * AMX tiles ({@code attention_grad_amx.c}), which round the operands of all products, unless scores
 * are so few that filling tiles takes longer than they save.
 */
final class AttentionGradKernel implements Kernel {
  /** Scores of a slice from which on tiles are faster: 16 x 16 take 1.5 times as long. */
  private static final long TILES_FROM = 32 * 32;

  private final Functions functions;
  private final Functions.Function few;
  private final Functions.Function many;

  private AttentionGradKernel(Functions functions, Precision precision) {
    this.functions = functions;
    few = functions.get("attention_grad");
    many = precision == Precision.BF16 ? functions.find("attention_grad_bf16").orElse(few) : few;
  }

  /** The kernel for a signature, or null if its formats or layouts are others. */
  static @Nullable AttentionGradKernel of(
      Functions functions, AttentionGrad op, KernelSignature s) {
    Attention attention = op.attention();
    int g = AttentionGrad.gradientIndex(s.inputs().size());
    boolean known = true;
    for (int i : new int[] {0, 1, 2, g}) {
      known &= s.inputs().get(i) == ScalarType.F32;
      known &= s.layouts().get(i).compareTo(LayoutClass.ROWS) <= 0;
    }
    for (int i : new int[] {g + 1, g + 2, attention.startsIndex(), attention.lengthsIndex()}) {
      known &= i < 0 || s.layouts().get(i) == LayoutClass.CONTIGUOUS;
    }
    return known ? new AttentionGradKernel(functions, s.precision()) : null;
  }

  @Override
  public String name() {
    return "attentionGrad " + many.tier().suffix();
  }

  @Override
  public long scratchBytes(List<TensorView> in, List<TensorView> out) {
    return in.getFirst().shape().dim(0) * AttentionOperands.ARGS_BYTES
        + AttentionOperands.maskBytes(in);
  }

  @Override
  public Runnable bind(KernelArgs args) {
    long queries = args.input(0).shape().dim(1);
    long keys = args.input(1).shape().dim(1);
    long group = args.input(0).shape().dim(2) / args.input(1).shape().dim(2);
    return new Call(functions, queries * group * keys < TILES_FROM ? few : many, args);
  }

  /** The memory of a slice. */
  private record Slice(
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment mask,
      MemorySegment g,
      MemorySegment y,
      MemorySegment lse,
      MemorySegment dq,
      MemorySegment dk,
      MemorySegment dv,
      MemorySegment parameters) {}

  private static final class Call implements Runnable {
    private final MemorySegment function;
    private final AttentionOperands x;
    private final TensorView g; // (b, tq, h, dv)
    private final TensorView dq; // (b, tq, h, d), no gaps
    private final TensorView dk; // (b, tk, hkv, d), no gaps
    private final TensorView dv; // (b, tk, hkv, dv), no gaps
    private final MemorySegment parameters; // (b) quern_attention_args, in scratch
    private final MemorySegment described; // (1) the same, on the heap, for each run to copy
    private final Slice[] slices; // (b, hkv)
    private final long scratchBytes;
    private final TaskPool pool;
    private final TaskPool.Task task = this::differentiate;

    Call(Functions functions, Functions.Function function, KernelArgs args) {
      this.function = function.address();
      AttentionGrad op = (AttentionGrad) args.op();
      int at = AttentionGrad.gradientIndex(args.inputs().size());
      long batch = args.input(0).shape().dim(0);
      long bytes = batch * AttentionOperands.ARGS_BYTES;
      parameters = args.scratch().asSlice(0, bytes);
      x =
          new AttentionOperands(
              op.attention(),
              args,
              args.input(at + 1),
              args.input(at + 2),
              args.scratch().asSlice(bytes));
      g = args.input(at);
      dq = args.output();
      dk = args.outputs().get(1);
      dv = args.outputs().get(2);
      described = MemorySegment.ofArray(new byte[(int) AttentionOperands.ARGS_BYTES]);
      long queries = x.q.shape().dim(1);
      x.describe(described, queries);
      pool = args.pool();
      long heads = x.k.shape().dim(2);
      slices = new Slice[Math.toIntExact(batch * heads)];
      for (int i = 0; i < slices.length; i++) {
        slices[i] = slice(i / heads, i % heads);
      }
      scratchBytes =
          functions.attentionGradScratchBytes(
              queries * x.group, x.q.shape().dim(3), x.v.shape().dim(3));
    }

    private Slice slice(long b, long head) {
      long first = head * x.group;
      return new Slice(
          AttentionOperands.at(x.q, b, 0, first),
          AttentionOperands.at(x.k, b, 0, head),
          AttentionOperands.at(x.v, b, 0, head),
          x.mask(b, head, 0),
          AttentionOperands.at(g, b, 0, first),
          AttentionOperands.at(x.out, b, 0, first),
          x.lse(b, head, 0),
          AttentionOperands.at(dq, b, 0, first),
          AttentionOperands.at(dk, b, 0, head),
          AttentionOperands.at(dv, b, 0, head),
          parameters.asSlice(b * described.byteSize(), described.byteSize()));
    }

    @Override
    public void run() {
      x.prepare();
      long size = described.byteSize();
      for (long b = 0; b < x.q.shape().dim(0); b++) {
        long length = x.length(b);
        MemorySegment.copy(described, 0, parameters, b * size, size);
        parameters.set(JAVA_LONG, b * size + AttentionOperands.KEYS, length);
        parameters.set(JAVA_LONG, b * size + AttentionOperands.FIRST_POSITION, x.start(b, length));
      }
      pool.parallelFor(slices.length, task);
    }

    private void differentiate(int i) {
      Slice s = slices[i];
      MemorySegment scratch = Scratch.take(scratchBytes);
      GradientCalls.attentionGrad(
          function,
          s.q,
          s.k,
          s.v,
          s.mask,
          s.g,
          s.y,
          s.lse,
          s.dq,
          s.dk,
          s.dv,
          s.parameters,
          g.layout().stride(1),
          g.layout().stride(2),
          dq.layout().stride(1),
          dk.layout().stride(1),
          dv.layout().stride(1),
          x.k.shape().dim(1),
          scratch);
      Scratch.give(scratch);
    }
  }
}
