package dev.quern.kernels.cuda.kernel;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products of compute capability 9.0, emulated, against the reference. */
class HopperMatMulTest {
  private final MatMulCheck matmul = products();

  MatMulCheck products() {
    return new MatMulCheck(9);
  }

  @ParameterizedTest
  @CsvSource({
    "128, 256, 64",
    "65, 8, 8",
    "200, 264, 200",
    "300, 520, 136",
    "129, 1032, 72",
    "700, 128, 320"
  })
  void linear(int m, int n, int k) {
    matmul.product(
        "wgmma 128x", ScalarType.BF16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
  }

  @ParameterizedTest
  @CsvSource({
    "18, 8, 8, 32x128",
    "17, 1288, 200, 32x128",
    "33, 640, 72, 64x128",
    "64, 136, 520, 64x128"
  })
  void fewRows(int m, int n, int k, String tile) {
    matmul.product(
        "wgmma " + tile, ScalarType.F16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
  }

  /** Pairs of blocks that share the right operand. */
  @ParameterizedTest
  @CsvSource({"512, 512, 200", "400, 1000, 72"})
  void pairs(int m, int n, int k) {
    long[] mk = {m, k};
    long[] km = {k, m};
    long[] nk = {n, k};
    long[] kn = {k, n};
    String ran = "wgmma 128x256 in pairs";
    matmul.product(ran, ScalarType.BF16, mk, nk, Tensor::linear);
    matmul.product(ran, ScalarType.F16, mk, kn, Tensor::matmul);
    matmul.product(ran, ScalarType.BF16, km, kn, (a, b) -> a.transpose().matmul(b));
    matmul.product(ran, ScalarType.F16, km, nk, (a, b) -> a.transpose().matmul(b.transpose()));
  }

  @Test
  void aPairWhoseLowerBlockHasNoRows() {
    matmul.product(
        "wgmma 128x256 in pairs",
        ScalarType.BF16,
        new long[] {300, 320},
        new long[] {704, 320},
        Tensor::linear);
  }

  /** Fewer tiles than multiprocessors, and a long k, whose pieces need not be of one length. */
  @ParameterizedTest
  @CsvSource({
    "20, 128, 2048, 32x128 k/4",
    "32, 136, 4104, 32x128 k/2",
    "50, 72, 2072, 64x128 k/4",
    "70, 128, 2600, 128x128 k/4"
  })
  void splitK(int m, int n, int k, String tile) {
    long[] mk = {m, k};
    long[] nk = {n, k};
    matmul.product("wgmma " + tile, ScalarType.BF16, mk, nk, Tensor::linear);
    matmul.product(
        "wgmma " + tile,
        ScalarType.F16,
        mk,
        nk,
        (a, b) ->
            a.linear(b, b.select(1, 0)).add(a.slice(1, 0, 1).expand(Shape.of(m, n)).contiguous()));
    matmul.repeats(ScalarType.BF16, mk, nk, Tensor::linear);
  }

  @Test
  void splitKInBatches() {
    matmul.product(
        "wgmma 128x128 k/2",
        ScalarType.BF16,
        new long[] {2, 72, 3000},
        new long[] {2, 3000, 24},
        Tensor::matmul);
    matmul.product(
        "wgmma 128x128 k/3",
        ScalarType.F8_E4M3,
        new long[] {20, 4112},
        new long[] {40, 4112},
        Tensor::linear);
  }

  /** Operands whose rows, not k, lie together: what gradients multiply. */
  @ParameterizedTest
  @CsvSource({"128, 256, 64", "72, 136, 200", "200, 392, 72"})
  void transposedOperands(int m, int n, int k) {
    long[] mk = {m, k};
    long[] km = {k, m};
    long[] nk = {n, k};
    long[] kn = {k, n};
    matmul.product("wgmma", ScalarType.BF16, mk, kn, Tensor::matmul);
    matmul.product("wgmma", ScalarType.F16, km, kn, (a, b) -> a.transpose().matmul(b));
    matmul.product("wgmma", ScalarType.F16, km, nk, (a, b) -> a.transpose().matmul(b.transpose()));
    matmul.product("wgmma", ScalarType.BF16, mk, nk, (a, b) -> a.matmul(b.transpose()));
  }

  @Test
  void batches() {
    matmul.product(
        "wgmma", ScalarType.BF16, new long[] {3, 72, 136}, new long[] {3, 136, 24}, Tensor::matmul);
    matmul.product(
        "wgmma", ScalarType.BF16, new long[] {3, 72, 136}, new long[] {136, 24}, Tensor::matmul);
    matmul.product(
        "wgmma", ScalarType.F16, new long[] {72, 136}, new long[] {2, 136, 24}, Tensor::matmul);
    matmul.product(
        "wgmma", ScalarType.F16, new long[] {2, 72, 8}, new long[] {40, 8}, Tensor::linear);
  }

  /** 8-bit factors, whose k lies together; the result is F32. */
  @ParameterizedTest
  @CsvSource({
    "128, 128, 128",
    "65, 8, 16",
    "200, 264, 208",
    "300, 520, 144",
    "129, 1032, 80",
    "7, 132, 1040"
  })
  void eightBits(int m, int n, int k) {
    long[] mk = {m, k};
    long[] nk = {n, k};
    matmul.product("wgmma 128x128", ScalarType.F8_E4M3, mk, nk, Tensor::linear);
    matmul.product(
        "wgmma 128x128",
        ScalarType.F8_E4M3,
        mk,
        nk,
        (a, b) -> a.linear(b, b.select(1, 0).cast(ScalarType.F32)));
    matmul.product(
        "wgmma 128x128",
        ScalarType.F8_E4M3,
        mk,
        nk,
        (a, b) -> {
          Tensor rows = a.cast(ScalarType.F32).sum(true, -1).expand(Shape.of(m, n)).contiguous();
          return a.linear(b).add(rows);
        });
  }

  @Test
  void eightBitsInBatches() {
    matmul.product(
        "wgmma",
        ScalarType.F8_E4M3,
        new long[] {3, 72, 144},
        new long[] {3, 24, 144},
        (a, b) -> a.matmul(b.transpose()));
    matmul.product(
        "wgmma",
        ScalarType.F8_E4M3,
        new long[] {2, 72, 16},
        new long[] {40, 16},
        (a, b) -> a.linear(b).add(a.cast(ScalarType.F32).slice(2, 0, 1)));
  }

  /** Rows that lie together, and rows that are not aligned, are widened to BF16. */
  @Test
  void eightBitsThatTheCopyEngineCannotRead() {
    long[] mk = {40, 48};
    matmul.product("mma", ScalarType.F8_E4M3, mk, new long[] {48, 24}, Tensor::matmul);
    matmul.product("mma", ScalarType.F8_E4M3, mk, new long[] {17, 48}, Tensor::linear);
    long[] unaligned = {40, 33};
    matmul.product("mma", ScalarType.F8_E4M3, unaligned, new long[] {16, 33}, Tensor::linear);
    matmul.product(
        "mma",
        ScalarType.F8_E4M3,
        mk,
        new long[] {16, 48},
        (a, b) -> a.cast(ScalarType.BF16).linear(b));
  }

  /** What the copy engine can't read goes to the kernel of all devices. */
  @Test
  void unalignedRows() {
    matmul.product("mma", ScalarType.BF16, new long[] {5, 33}, new long[] {16, 33}, Tensor::linear);
    matmul.product("mma", ScalarType.BF16, new long[] {5, 32}, new long[] {17, 32}, Tensor::linear);
    matmul.product(
        "mma",
        ScalarType.BF16,
        new long[] {5, 40},
        new long[] {16, 32},
        (a, b) -> a.slice(1, 3, 32).linear(b));
    matmul.product("mma", ScalarType.BF16, new long[] {5, 0}, new long[] {16, 0}, Tensor::linear);
  }
}
