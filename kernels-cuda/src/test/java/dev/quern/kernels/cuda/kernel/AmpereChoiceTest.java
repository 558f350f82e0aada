package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.cuda.launch.Stopwatch;
import java.util.Collections;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How products with asynchronous copies are cut, by the device's properties and by measurement. */
class AmpereChoiceTest {
  /** On devices with less shared memory there are three stages. */
  @ParameterizedTest
  @CsvSource({"256, 512, 24", "200, 250, 200", "128, 128, 136", "64, 128, 264", "32, 128, 520"})
  void threeStages(int m, int n, int k) {
    MatMulCheck small =
        new MatMulCheck(
            new EmulatedDriver(Emulation.library(), 8, 6), MatMulChoice.OWN, Optional::empty);
    small.product("mma ", ScalarType.BF16, new long[] {m, k}, new long[] {n, k}, Tensor::linear);
  }

  @Test
  void tilesAreMeasured() {
    long[] mk = {256, 128};
    long[] nk = {256, 128};
    EmulatedDriver driver = new EmulatedDriver(Emulation.library(), 8);
    MatMulCheck matmul = new MatMulCheck(driver, MatMulChoice.OWN, Optional::empty);
    for (float time : new float[] {3, 2, 1}) {
      driver.times.addAll(Collections.nCopies(Stopwatch.RUNS, time));
    }
    matmul.product("mma 128x256", ScalarType.BF16, mk, nk, Tensor::linear);
    assertEquals(0, driver.times.size());
    matmul.product(
        "mma 128x256", ScalarType.BF16, mk, nk, (a, b) -> a.linear(b).add(a.concat(1, a)));
  }
}
