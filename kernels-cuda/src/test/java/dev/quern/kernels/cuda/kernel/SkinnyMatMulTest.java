package dev.quern.kernels.cuda.kernel;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products of few rows, emulated, against the reference. */
class SkinnyMatMulTest {
  private final MatMulCheck matmul = products();

  MatMulCheck products() {
    return new MatMulCheck(8);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 7, 8, 8x8",
    "1, 64, 1032, 8x8",
    "8, 65, 264, 8x8",
    "5, 130, 40, 8x16",
    "9, 300, 72, 16x32",
    "16, 33, 2056, 16x8 k/2",
    "3, 9, 4104, 8x8 k/4",
    "13, 128, 1024, 16x16"
  })
  void linear(int m, int n, int k, String tile) {
    String ran = "mma " + tile;
    matmul.product(ran, ScalarType.BF16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
    matmul.product(ran, ScalarType.F16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
  }

  @Test
  void batches() {
    matmul.product(
        "mma 8x8",
        ScalarType.BF16,
        new long[] {2, 3, 4, 24},
        new long[] {3, 10, 24},
        (a, b) -> a.matmul(b.transpose()));
    matmul.product(
        "mma 8x8 k/2",
        ScalarType.F16,
        new long[] {2, 5, 2048},
        new long[] {2, 9, 2048},
        (a, b) -> a.matmul(b.transpose()));
  }

  @Test
  void theLastBitsOfEverySumAreTheSameOnEveryRun() {
    matmul.repeats(ScalarType.BF16, new long[] {6, 520}, new long[] {40, 520}, Tensor::linear);
    matmul.repeats(ScalarType.BF16, new long[] {6, 5000}, new long[] {10, 5000}, Tensor::linear);
  }
}
