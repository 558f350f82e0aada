package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Attention to keys and values in pages, on an emulated device: against the reference, and with
 * which kernels. All that no query may see is NaN, as others may have left it: rows behind what is
 * seen, and pages that no sequence has.
 */
class PagedAttentionTest {
  private static final double ROUNDED = 0x1p-6;
  private static final int[] STARTS = {61, 200, 0};

  private final Engine cpu = Engine.builder().kernels(new ReferenceProvider()).build();

  /** Pages that hold normal numbers where a sequence's rows are seen, NaN everywhere else. */
  private static float[] pool(int seed, int pages, int size, int row, int[][] table, int tq) {
    Random random = new Random(seed);
    float[] x = new float[pages * size * row];
    Arrays.fill(x, Float.NaN);
    for (int b = 0; b < table.length; b++) {
      for (int j = 0; j < STARTS[b] + tq; j++) {
        for (int c = 0; c < row; c++) {
          x[(table[b][j / size] * size + j % size) * row + c] = (float) random.nextGaussian();
        }
      }
    }
    return x;
  }

  private static float[] attend(
      Engine e, DType type, DType keys, int tq, int heads, int d, int size, int window) {
    int batch = STARTS.length;
    int n = Math.ceilDiv(STARTS[1] + tq, size) + 1;
    int pages = batch * n + 2;
    int[][] table = new int[batch][n];
    int[] flat = new int[batch * n];
    int prime = pages % 7 == 0 ? 11 : 7;
    for (int i = 0; i < flat.length; i++) {
      flat[i] = (i + 1) * prime % pages;
      table[i / n][i % n] = flat[i];
    }
    try (TensorScope _ = TensorScope.open()) {
      float[] q = new float[batch * tq * heads * d];
      Random random = new Random(7);
      for (int i = 0; i < q.length; i++) {
        q[i] = (float) random.nextGaussian();
      }
      List<Tensor> kv = new ArrayList<>();
      for (int seed = 1; seed < 3; seed++) {
        float[] x = pool(seed, pages, size, 2 * d, table, tq);
        kv.add(e.tensor(x, pages, size, 2, d).cast(keys));
      }
      Attention op = new Attention(true, 0.1f, 0, window, false, true, false).withPages(true);
      return e.tensor(q, batch, tq, heads, d)
          .cast(type)
          .attention(kv.get(0), kv.get(1), op, e.tensor(STARTS, batch), e.tensor(flat, batch, n))
          .cast(ScalarType.F32)
          .toFloats();
    }
  }

  @ParameterizedTest
  @CsvSource({
    // few queries: tiles of 32 keys
    "9, EXACT, F32, F32, 1, 64, 32, 0, attention_split",
    "9, FAST, F32, F16, 1, 64, 128, 0, attention_split",
    "8, FAST, BF16, BF16, 2, 128, 64, 40, attention_split",
    "9, EXACT, F32, F16, 1, 64, 1, 0, attention_pages attention_split",
    "8, FAST, F32, F16, 1, 64, 48, 40, attention_pages attention_split",
    // many that may not be rounded: tiles of 32
    "9, EXACT, F32, F32, 70, 64, 32, 0, attention",
    "9, EXACT, F32, F16, 70, 33, 16, 0, attention_pages attention",
    // many on tensor cores: tiles of 64
    "8, FAST, F32, F16, 70, 64, 64, 0, attention_mma",
    "8, FAST, BF16, BF16, 70, 128, 128, 40, attention_mma",
    "8, FAST, F32, BF16, 70, 200, 32, 0, attention_mma",
    "8, FAST, F32, F8_E4M3, 70, 64, 64, 0, attention_mma",
    "8, FAST, F32, F8_E4M3, 70, 72, 48, 0, attention_pages attention_mma",
    "9, FAST, F32, F8_E4M3, 1, 64, 32, 0, attention_split",
    "8, FAST, F16, F16, 70, 64, 32, 0, attention_pages attention_mma",
    // of Hopper: tiles of 128
    "9, FAST, F16, F16, 130, 64, 128, 0, attention_hopper",
    "9, FAST, BF16, BF16, 130, 128, 256, 40, attention_hopper",
    "9, FAST, F16, F16, 130, 64, 64, 0, attention_mma",
    "9, FAST, F16, F16, 130, 64, 16, 0, attention_hopper attention_pages"
  })
  void areReadWhereTheyAreIfTilesFit(
      int major,
      String precision,
      String type,
      String keys,
      int tq,
      int d,
      int size,
      int window,
      String kernels) {
    EmulatedDriver driver = new EmulatedDriver(Emulation.library(), major);
    Engine cuda =
        new EmulatedDevice(driver).open(Engine.builder().precision(Precision.valueOf(precision)));
    DType t = DType.of(type);
    DType kv = DType.of(keys);
    float[] here = attend(cpu, t, kv, tq, 4, d, size, window);
    float[] there = attend(cuda, t, kv, tq, 4, d, size, window);
    for (int i = 0; i < here.length; i++) {
      int at = i;
      assertTrue(
          Math.abs(here[i] - there[i]) <= ROUNDED * Math.max(1, Math.abs(here[i])),
          () -> here[at] + " but " + there[at] + " at " + at);
    }
    assertArrayEquals(there, attend(cuda, t, kv, tq, 4, d, size, window));
    assertEquals(new TreeSet<>(Arrays.asList(kernels.split(" "))), ran(driver));
  }

  /** Modules of attention whose functions were launched, the joining of pieces aside. */
  private static TreeSet<String> ran(EmulatedDriver driver) {
    TreeSet<String> modules = new TreeSet<>();
    for (String f : driver.functions()) {
      String name = f.replace("quern_", "");
      if (name.startsWith("attention") && !name.startsWith("attention_join")) {
        modules.add(name.replaceAll("(attention(_(split|mma|hopper|pages))?).*", "$1"));
      }
    }
    return modules;
  }
}
