package dev.quern.testkit;

import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.LossOp.CrossEntropy;
import dev.quern.core.op.LossOp.CrossEntropyGrad;
import dev.quern.core.op.LossOp.Reduction;
import dev.quern.core.op.Op;
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

/** Lengths, starts and indices outside what they address, in the last of several sequences. */
final class RefusalCases {
  private static final int MIN = Integer.MIN_VALUE;
  private static final int MAX = Integer.MAX_VALUE;

  private RefusalCases() {}

  static List<Refusal> all() {
    List<Refusal> to = new ArrayList<>();
    for (ScalarType t : List.of(ScalarType.F32, ScalarType.F64, ScalarType.F16, ScalarType.BF16)) {
      attention(to, t, t);
    }
    attention(to, ScalarType.F32, ScalarType.F16);
    attention(to, ScalarType.F32, ScalarType.BF16);
    attention(to, ScalarType.F32, ScalarType.F8_E4M3);
    attention(to, ScalarType.F32, BlockType.Q8_0);
    for (DType cache :
        List.of(
            ScalarType.F32, ScalarType.F16, ScalarType.BF16, ScalarType.F8_E4M3, BlockType.Q8_0)) {
      cacheWrite(to, cache, ScalarType.F32);
      cacheWrite(to, cache, cache);
    }
    PageCases.addRefusals(to);
    losses(to);
    embedding(to, ScalarType.F32, ScalarType.F32, 17);
    embedding(to, ScalarType.F16, ScalarType.F32, 17);
    embedding(to, BlockType.Q8_0, ScalarType.F32, 64);
    return to;
  }

  private static void attention(List<Refusal> to, ScalarType t, DType kv) {
    Samples s = new Samples(t.ordinal());
    long d = Math.max(16, kv.blockLength());
    for (long tq : new long[] {1, 17}) {
      int tk = 40;
      for (int wrong : new int[] {-1, tk + 1, MIN, MAX}) {
        for (boolean starts : new boolean[] {false, true}) {
          List<Operand> in = new ArrayList<>();
          in.add(s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, tq, 4, d));
          in.add(s.of(kv, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, tk, 2, d));
          in.add(s.of(kv, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, tk, 2, d));
          if (starts) {
            in.add(i32(3, 4));
          }
          in.add(i32(tk, wrong));
          Attention op = new Attention(true, 0.25f, 0, 0, false, starts, true);
          KernelCase call = new KernelCase(op, List.copyOf(in), Precision.EXACT, false);
          to.add(new Refusal(call, IndexException.class, "lengths[1] is " + wrong + ","));
        }
      }
    }
  }

  private static void cacheWrite(List<Refusal> to, DType cache, DType rows) {
    Samples s = new Samples(cache.name().hashCode() + rows.blockBytes());
    long d = Math.max(16, cache.blockLength());
    for (int t : new int[] {1, 3}) {
      for (int wrong : new int[] {-1, 8 - t + 1, 8, MIN, MAX}) {
        Operand target = s.of(cache, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 8, 3, d);
        Operand x = s.of(rows, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, t, 3, d);
        KernelCase call = KernelCase.of(new BufferOp.CacheWrite(), target, x, i32(0, wrong));
        to.add(new Refusal(call, ShapeException.class, "sequence 1: rows " + wrong + ".."));
      }
    }
  }

  private static void embedding(List<Refusal> to, DType t, ScalarType result, long d) {
    Samples s = new Samples(d);
    Operand table = s.of(t, LayoutKind.CONTIGUOUS, Mix.PLAIN, 9, d);
    for (int wrong : new int[] {-1, 9, MIN, MAX}) {
      KernelCase call = KernelCase.of(new DataOp.Embedding(result), table, i32(3, wrong));
      to.add(new Refusal(call, IndexException.class, "" + wrong));
    }
  }

  private static void losses(List<Refusal> to) {
    Samples s = new Samples(5);
    Operand x = s.of(ScalarType.F32, LayoutKind.CONTIGUOUS, Mix.PLAIN, 2, 9);
    Operand one = s.given(ScalarType.F32, LayoutKind.CONTIGUOUS, Shape.SCALAR, 1);
    Operand logs = s.given(ScalarType.F32, LayoutKind.CONTIGUOUS, Shape.of(2), 3);
    for (Reduction r : new Reduction[] {Reduction.MEAN, Reduction.SUM}) {
      for (int wrong : new int[] {-1, 9, MIN, MAX}) {
        Op loss = new CrossEntropy(-100, 0, r, false);
        Op grad = new CrossEntropyGrad(-100, 0, r, false);
        String message = "targets[1] is " + wrong + ",";
        KernelCase forward = KernelCase.of(loss, x, i32(8, wrong));
        to.add(new Refusal(forward, IndexException.class, message));
        KernelCase back = KernelCase.of(grad, x, i32(8, wrong), one, logs);
        to.add(new Refusal(back, IndexException.class, message));
      }
    }
  }

  private static Operand i32(int... values) {
    double[] v = java.util.Arrays.stream(values).asDoubleStream().toArray();
    return new Samples(0).given(ScalarType.I32, LayoutKind.CONTIGUOUS, Shape.of(values.length), v);
  }
}
