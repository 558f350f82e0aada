package dev.quern.core.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpyFile;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.TensorSpec;
import dev.quern.testkit.ConformanceData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Products with weights in ggml's formats against products computed in F64. */
class BlockMatMulTest {
  private final Engine engine =
      Engine.builder().kernels().precision(Precision.EXACT).threads(1).build();

  @ParameterizedTest
  @ValueSource(strings = {"f16", "bf16", "q8_0", "q4_0", "q4_K", "q6_K"})
  void productsAreExact(String type) throws IOException {
    byte[] raw = Files.readAllBytes(ConformanceData.path("ggml-types/" + type + ".raw"));
    float[] x = NpyFile.read(ConformanceData.path("ggml-types/vectors.f32.npy")).floats();
    var expected = NpyFile.read(ConformanceData.path("ggml-types/" + type + ".matmul.npy"));
    TensorSpec spec = TensorSpec.of(DType.of(type), 6, 768);
    Tensor w = engine.tensor(spec, MemorySegment.ofArray(raw));
    float[] y = engine.tensor(x, 3, 768).linear(w).toFloats();
    float[] r = expected.floats();
    float largest = 0;
    for (float v : r) {
      largest = Math.max(largest, Math.abs(v));
    }
    for (int i = 0; i < r.length; i++) {
      assertEquals(r[i], y[i], 1e-7 * largest, type + " [" + i + "]");
    }
  }
}
