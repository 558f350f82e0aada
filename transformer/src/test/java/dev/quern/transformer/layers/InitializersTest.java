package dev.quern.transformer.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class InitializersTest {
  private final Engine engine = Engine.builder().kernels().threads(1).build();

  static List<String> names() {
    return Initializers.names();
  }

  private static Map<String, Double> needed(String name) {
    return switch (name) {
      case "constant" -> Map.of("value", 2.5);
      case "gpt2_residual" -> Map.of("layers", 6.0);
      default -> Map.of();
    };
  }

  private double[] create(String name, Map<String, Double> settings, long seed, long... dims) {
    return Initializers.of(name, settings).create(engine, ScalarType.F64, seed, dims).toDoubles();
  }

  private static double mean(double[] x) {
    return Arrays.stream(x).average().orElseThrow();
  }

  private static double deviation(double[] x) {
    double m = mean(x);
    return Math.sqrt(Arrays.stream(x).map(v -> (v - m) * (v - m)).average().orElseThrow());
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyEngineGivesTheSameBits(String name) {
    Initializer i = Initializers.of(name, needed(name));
    for (ScalarType type : new ScalarType[] {ScalarType.F32, ScalarType.F64}) {
      Tensor plain = i.create(engine, type, 7, 33, 65);
      assertEquals(type, plain.dtype());
      double[] expected = plain.toDoubles();
      try (Engine found = Engine.builder().threads(3).build()) {
        assertArrayEquals(expected, i.create(found, type, 7, 33, 65).toDoubles(), 0);
      }
      boolean random = !List.of("zeros", "ones", "constant").contains(name);
      boolean same = Arrays.equals(expected, i.create(engine, type, 8, 33, 65).toDoubles());
      assertEquals(!random, same, "another seed");
    }
  }

  @Test
  void everyBitOfTheSeedCounts() {
    double[] first = create("normal", Map.of(), 1, 4, 4);
    for (int bit = 1; bit < 64; bit++) {
      assertFalse(Arrays.equals(first, create("normal", Map.of(), 1 ^ 1L << bit, 4, 4)));
    }
    float[] tensor = engine.normal(Long.MAX_VALUE - 5, 4, 4).toFloats();
    float[] same =
        Initializers.of("normal", Map.of("deviation", 1.0))
            .create(engine, ScalarType.F32, Long.MAX_VALUE - 5, 4, 4)
            .toFloats();
    assertArrayEquals(tensor, same, 0, "seeds beyond 2^53 are exact");
  }

  @Test
  void constants() {
    assertArrayEquals(new double[] {0, 0}, create("zeros", Map.of(), 1, 2), 0);
    assertArrayEquals(new double[] {1, 1}, create("ones", Map.of(), 1, 2), 0);
    assertArrayEquals(new double[] {2.5, 2.5}, create("constant", needed("constant"), 1, 2), 0);
  }

  /** Deviations of 60,000 values; of n of them, the estimate's own is about 1/√(2n) of it. */
  @ParameterizedTest
  @CsvSource({
    "normal, 0.02",
    "xavier_uniform, 0.0632455532",
    "xavier_normal, 0.0632455532",
    "kaiming_uniform, 0.0816496581",
    "kaiming_normal, 0.0816496581",
    "gpt2_residual, 0.0057735027",
    "truncated_normal, 0.0175925132",
    "uniform, 0.2886751346"
  })
  void deviationsAreAsTheFormulasSay(String name, double expected) {
    double[] x = create(name, needed(name), 3, 200, 300);
    assertEquals(expected, deviation(x), 0.015 * expected);
    assertEquals(name.equals("uniform") ? 0.5 : 0, mean(x), 5 * expected / Math.sqrt(60_000));
  }

  @Test
  void settingsScaleThem() {
    double[] x = create("normal", Map.of("mean", 3.0, "deviation", 0.5), 3, 100, 100);
    assertEquals(3, mean(x), 0.02);
    assertEquals(0.5, deviation(x), 0.01);
    double[] u = create("uniform", Map.of("low", -2.0, "high", -1.0), 3, 100, 100);
    assertTrue(Arrays.stream(u).allMatch(v -> v >= -2 && v < -1));
    assertEquals(-1.5, mean(u), 0.02);
    double[] k =
        create("kaiming_normal", Map.of("negative_slope", 0.5, "fan_out", 1.0), 3, 200, 10, 5);
    assertEquals(Math.sqrt(2 / 1.25 / 1000), deviation(k), 0.001);
    double[] g = create("xavier_uniform", Map.of("gain", 2.0), 3, 100, 150);
    double bound = 2 * Math.sqrt(6.0 / 250);
    assertTrue(Arrays.stream(g).allMatch(v -> Math.abs(v) <= bound));
    assertEquals(bound, Arrays.stream(g).max().orElseThrow(), 0.01 * bound);
  }

  @Test
  void truncatedValuesStayInside() {
    double[] x = create("truncated_normal", Map.of("deviation", 1.0), 5, 300, 301);
    assertTrue(Arrays.stream(x).allMatch(v -> Math.abs(v) < 2));
    assertEquals(2, Arrays.stream(x).max().orElseThrow(), 0.01);
    long middle = Arrays.stream(x).filter(v -> Math.abs(v) < 1).count();
    assertEquals(0.6826894921 / 0.9544997361, (double) middle / x.length, 0.01);
  }

  @ParameterizedTest
  @CsvSource({"8, 8", "5, 12", "12, 5", "1, 7", "7, 1"})
  void orthogonalMapsAreOrthogonal(long rows, long columns) {
    Tensor q =
        Initializers.of("orthogonal", Map.of("gain", 3.0))
            .create(engine, ScalarType.F64, 11, rows, columns);
    Tensor product = rows <= columns ? q.matmul(q.transpose()) : q.transpose().matmul(q);
    long n = Math.min(rows, columns);
    double[] expected = new double[(int) (n * n)];
    for (int i = 0; i < n; i++) {
      expected[(int) (i * n + i)] = 9;
    }
    assertArrayEquals(expected, product.toDoubles(), 1e-13);
  }

  @Test
  void orthogonalMapsFlattenFurtherAxes() {
    Tensor q = Initializers.of("orthogonal", Map.of()).create(engine, ScalarType.F32, 11, 4, 3, 2);
    Tensor flat = q.reshape(4, 6);
    float[] product = flat.matmul(flat.transpose()).toFloats();
    for (int i = 0; i < 16; i++) {
      assertEquals(i % 5 == 0 ? 1 : 0, product[i], 1e-6);
    }
  }

  private static void refuses(Class<? extends QuernException> type, String word, Runnable code) {
    String message = assertThrows(type, code::run).getMessage();
    assertTrue(message.contains(word), message);
  }

  @Test
  void errorsSayWhatThereIs() {
    refuses(InitializerException.class, "zeros, ones", () -> Initializers.of("zero", Map.of()));
    refuses(
        InitializerException.class,
        "deviation, mean",
        () -> Initializers.of("normal", Map.of("std", 1.0)));
    refuses(
        InitializerException.class,
        "'value' is missing",
        () -> Initializers.of("constant", Map.of()));
    refuses(
        InitializerException.class,
        "'layers' is missing",
        () -> Initializers.of("gpt2_residual", Map.of()));
    refuses(
        InitializerException.class,
        "1.5",
        () -> Initializers.of("truncated_normal", Map.of("cut", 0.5)));
    refuses(ShapeException.class, "[out, in", () -> create("xavier_normal", Map.of(), 1, 5));
    refuses(ShapeException.class, "no matrix", () -> create("orthogonal", Map.of(), 1, 5));
  }
}
