package dev.quern.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Products of every weight format against sums in F64. */
class MatMulTest {
  private static final long[] M = {1, 4, 5, 8, 70};
  private static final long[] N = {1, 8, 67, 130};

  @Test
  void linearMatchesScalarSums() {
    Random r = new Random(1);
    for (DType x : List.of(ScalarType.F32, ScalarType.BF16)) {
      for (DType w :
          List.of(
              ScalarType.F32,
              ScalarType.F16,
              ScalarType.BF16,
              BlockType.Q8_0,
              BlockType.Q4_0,
              BlockType.Q4_K,
              BlockType.Q6_K)) {
        for (long k : new long[] {1, 31, 256, 1280}) {
          if (k % w.blockLength() == 0) {
            for (long m : M) {
              for (long n : N) {
                linear(r, x, w, m, n, k);
              }
            }
          }
        }
      }
    }
  }

  private static void linear(Random r, DType xt, DType wt, long m, long n, long k) {
    TensorView x = Scalars.random(r, xt, m, k);
    TensorView w = Scalars.random(r, wt, n, k);
    TensorView b = Scalars.random(r, xt, n);
    boolean bias = (m + n) % 2 == 0;
    List<TensorView> in = bias ? List.of(x, w, b) : List.of(x, w);
    TensorView y = Scalars.run(TaskPool.shared(), new MatMulOp.Linear(bias), false, in).getFirst();
    double[] xs = Scalars.all(x);
    double[] ws = Scalars.all(w);
    double[] ys = Scalars.all(y);
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = bias ? Scalars.get(b, j) : 0;
        double size = 1 + Math.abs(sum);
        for (int l = 0; l < k; l++) {
          double p = xs[i * (int) k + l] * ws[j * (int) k + l];
          sum += p;
          size += Math.abs(p);
        }
        double limit = (xt == ScalarType.F32 ? 1e-6 : 4e-3) * size;
        String what = xt.name() + " x " + wt.name() + " " + m + "x" + n + "x" + k;
        assertEquals(sum, ys[i * (int) n + j], limit, what);
      }
    }
  }

  @Test
  void matmulTakesAnyLayoutAndBatch() {
    Random r = new Random(2);
    for (boolean ta : new boolean[] {false, true}) {
      for (boolean tb : new boolean[] {false, true}) {
        for (long m : M) {
          for (long n : N) {
            TensorView a = view(Scalars.random(r, ScalarType.F32, dims(ta, 1, 3, m, 33)), ta);
            TensorView b = view(Scalars.random(r, ScalarType.F32, dims(tb, 2, 1, 33, n)), tb);
            TensorView c =
                Scalars.run(TaskPool.shared(), new MatMulOp.MatMul(), false, List.of(a, b))
                    .getFirst();
            check(a, b, c, m, n);
          }
        }
      }
    }
  }

  private static void check(TensorView a, TensorView b, TensorView c, long m, long n) {
    for (long p = 0; p < 2; p++) {
      for (long q = 0; q < 3; q++) {
        for (long i = 0; i < m; i++) {
          for (long j = 0; j < n; j++) {
            double sum = 0;
            for (long l = 0; l < 33; l++) {
              sum += Scalars.get(a, 0, q, i, l) * Scalars.get(b, p, 0, l, j);
            }
            assertEquals(sum, Scalars.get(c, p, q, i, j), 1e-4, m + "x" + n);
          }
        }
      }
    }
  }

  private static long[] dims(boolean transposed, long p, long q, long rows, long columns) {
    return transposed ? new long[] {p, q, columns, rows} : new long[] {p, q, rows, columns};
  }

  private static TensorView view(TensorView v, boolean transposed) {
    return transposed
        ? new TensorView(v.dtype(), v.layout().permute(List.of(0, 1, 3, 2)), v.segment())
        : v;
  }

  @Test
  void bitsDoNotDependOnThreads() {
    Random r = new Random(3);
    for (long m : new long[] {1, 8, 40}) {
      TensorView x = Scalars.random(r, ScalarType.F32, m, 1024);
      TensorView w = Scalars.random(r, BlockType.Q8_0, 777, 1024);
      List<Long> sums = new ArrayList<>();
      for (int threads : new int[] {1, 2, 3, 8}) {
        try (TaskPool pool = new TaskPool(threads)) {
          TensorView y =
              Scalars.run(pool, new MatMulOp.Linear(false), false, List.of(x, w)).getFirst();
          long hash = 0;
          for (long i = 0; i < y.shape().elements(); i++) {
            hash = 31 * hash + Double.doubleToRawLongBits(Scalars.flat(y, i));
          }
          sums.add(hash);
        }
      }
      assertEquals(1, sums.stream().distinct().count());
    }
  }
}
