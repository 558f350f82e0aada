package dev.quern.kernels.cuda.kernel;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products with asynchronous copies and matrix loads, against the reference. */
class AmpereMatMulTest {
  private final MatMulCheck matmul = products();

  MatMulCheck products() {
    return new MatMulCheck(8);
  }

  /** What {@code explain} calls a kernel that is chosen by the number of multiprocessors. */
  String name(String tile) {
    return "mma " + tile;
  }

  /** One step of k and less, fewer than stages, and more; tiles that are full, and that are not. */
  @ParameterizedTest
  @CsvSource({
    "250, 500, 8, 128x256",
    "190, 499, 24, 128x256",
    "256, 512, 40, 128x256",
    "256, 256, 64, 128x128",
    "200, 250, 72, 128x128",
    "128, 128, 200, 64x64",
    "100, 97, 40, 64x64",
    "64, 128, 512, 64x32",
    "60, 121, 24, 64x32",
    "32, 128, 1032, 32x32",
    "17, 101, 8, 32x32"
  })
  void linear(int m, int n, int k, String tile) {
    long[] mk = {m, k};
    long[] nk = {n, k};
    String ran = name(tile);
    matmul.product(ran, ScalarType.BF16, mk, nk, Tensor::linear);
    matmul.product(ran, ScalarType.F16, mk, nk, Tensor::linear);
  }

  /** Operands whose rows, not k, lie together: what gradients multiply. */
  @ParameterizedTest
  @CsvSource({"256, 512, 24, 128x256", "200, 248, 40, 128x128", "72, 136, 200, 64x64"})
  void transposedOperands(int m, int n, int k, String tile) {
    long[] mk = {m, k};
    long[] km = {k, m};
    long[] nk = {n, k};
    long[] kn = {k, n};
    String ran = name(tile);
    matmul.product(ran, ScalarType.BF16, mk, kn, Tensor::matmul);
    matmul.product(ran, ScalarType.F16, km, kn, (a, b) -> a.transpose().matmul(b));
    matmul.product(ran, ScalarType.F16, km, nk, (a, b) -> a.transpose().matmul(b.transpose()));
  }

  /** If the rows of both lie together, k may be any. */
  @Test
  void oddDepth() {
    matmul.product(
        name("64x64"),
        ScalarType.BF16,
        new long[] {37, 72},
        new long[] {37, 40},
        (a, b) -> a.transpose().matmul(b));
  }

  @Test
  void batches() {
    matmul.product(
        name("64x64"),
        ScalarType.BF16,
        new long[] {3, 72, 136},
        new long[] {3, 136, 24},
        Tensor::matmul);
    matmul.product(
        name("32x32"),
        ScalarType.F16,
        new long[] {2, 3, 20, 24},
        new long[] {3, 40, 24},
        (a, b) -> a.matmul(b.transpose()));
  }

  /** What can't be copied 16 bytes at a time goes to the kernel of any strides. */
  @Test
  void unalignedOperands() {
    matmul.product(
        "mma", ScalarType.BF16, new long[] {40, 33}, new long[] {16, 33}, Tensor::linear);
    matmul.product(
        "mma",
        ScalarType.BF16,
        new long[] {40, 40},
        new long[] {16, 32},
        (a, b) -> a.slice(1, 3, 32).linear(b));
    matmul.product(
        "mma", ScalarType.BF16, new long[] {40, 32}, new long[] {32, 20}, (a, b) -> a.matmul(b));
    matmul.product("mma", ScalarType.BF16, new long[] {40, 0}, new long[] {16, 0}, Tensor::linear);
  }

  @Test
  void theLastBitsOfEverySumAreTheSameOnEveryRun() {
    matmul.repeats(ScalarType.BF16, new long[] {32, 520}, new long[] {128, 520}, Tensor::linear);
    matmul.repeats(ScalarType.F16, new long[] {128, 264}, new long[] {128, 264}, Tensor::linear);
  }
}
