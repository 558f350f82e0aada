package dev.quern.transformer.compress;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizationTest {
  @TempDir private Path folder;
  private Engine engine;

  @BeforeEach
  void open() {
    engine = Engines.of("reference", Precision.EXACT);
  }

  @AfterEach
  void close() {
    engine.close();
  }

  private Quantization.Report quantize(Path in, Path out, DType type) {
    return Quantization.of(type).run(engine, in, out, t -> {});
  }

  /** A file with one matrix. */
  private Path file(String tensor, float[] values, int rows) {
    Path path = folder.resolve("in.gguf");
    new GgufWriter()
        .put("general.architecture", GgufValue.of("llama"))
        .put("general.file_type", GgufValue.uint32(0))
        .tensor(
            tensor,
            TensorSpec.of(ScalarType.F32, rows, values.length / rows),
            MemorySegment.ofArray(values))
        .write(path);
    return path;
  }

  private static float[] gaussian(int count) {
    Random random = new Random(5);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian() * 0.02f;
    }
    return values;
  }

  @Test
  void q8_0OfTheGoldenModelEqualsTheGoldenFileTensorByTensor() {
    Path out = folder.resolve("out.gguf");
    Quantization.Report report = quantize(Golden.of("llama/llama-F32.gguf"), out, BlockType.Q8_0);
    assertEquals(Map.of(), report.fallbacks());
    try (GgufFile made = GgufFile.open(out);
        GgufFile golden = GgufFile.open(Golden.of("llama/llama-Q8_0.gguf"))) {
      assertEquals(golden.names().size(), made.names().size());
      for (String name : golden.names()) {
        assertEquals(golden.spec(name), made.spec(name), name);
        assertArrayEquals(
            golden.storage(name).segment().toArray(JAVA_BYTE),
            made.storage(name).segment().toArray(JAVA_BYTE),
            name);
      }
      assertEquals(golden.metadata().asMap().keySet().size() + 1, made.metadata().asMap().size());
      assertEquals(
          GgufValue.uint32(7), made.metadata().asMap().get("general.file_type"), "file type");
    }
  }

  /**
   * The squared error of a Gaussian, within a tenth of what each format's step allows (Q8_0 2.9e-5,
   * Q4_0 7.4e-3, Q4_K 5.1e-3, Q6_K 3.1e-4 in llama.cpp's quantiser, whose bytes the codecs write).
   */
  @ParameterizedTest
  @CsvSource({
    "Q8_0, 2.9e-5",
    "Q4_0, 7.4e-3",
    "Q4_K, 5.1e-3",
    "Q6_K, 3.2e-4",
    "Q4_1, 6.1e-3",
    "Q5_0, 1.8e-3",
    "Q5_1, 1.44e-3",
    "Q2_K, 8.7e-2",
    "Q3_K, 2.3e-2",
    "Q5_K, 1.3e-3",
    "IQ4_NL, 5.8e-3",
    "IQ4_XS, 5.9e-3"
  })
  void theErrorOfAGaussianMatrixIsThatOfTheFormat(String name, double usual) {
    BlockType type = BlockType.valueOf(name);
    float[] values = gaussian(64 * 512);
    Path out = folder.resolve("out.gguf");
    quantize(file("blk.0.ffn_up.weight", values, 64), out, type);
    float[] read = new float[values.length];
    try (GgufFile made = GgufFile.open(out)) {
      BlockCodecs.of(type)
          .dequantize(made.storage("blk.0.ffn_up.weight").segment(), 0, read, 0, values.length);
    }
    double error = Golden.nmse(read, values);
    assertTrue(error > usual * 0.9 && error < usual * 1.1, () -> name + ": NMSE " + error);
  }

  /** Byte for byte what llama.cpp's quantiser makes of the same Gaussian. */
  @ParameterizedTest
  @CsvSource({
    "Q8_0, ea055373dbaa1cf4b6a87c4f636fc4f4133d155ae3db20b3b9ab25191813d8f9",
    "Q4_0, 9203b4dabc2514c4206194ced07e3fa6a081b31071809052cb8b7e85005b92b3",
    "Q4_K, ab36af05944624b1eca77cb370063b68055baaf4cfa760de58879687d41a3c26",
    "Q6_K, ebb68d74f8cdc308d00087bd896c43e33aab05b725eab80479dcf9962b6a75ed"
  })
  void aGaussianMatrixBecomesTheseBytes(String name, String digest) throws Exception {
    Path out = folder.resolve("out.gguf");
    quantize(file("blk.0.ffn_up.weight", gaussian(64 * 512), 64), out, BlockType.valueOf(name));
    try (GgufFile made = GgufFile.open(out)) {
      byte[] bytes = made.storage("blk.0.ffn_up.weight").segment().toArray(JAVA_BYTE);
      byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(bytes);
      assertEquals(digest, HexFormat.of().formatHex(sha256));
    }
  }

  /**
   * Files that llama.cpp quantised: each matrix equals ours of the same type. (llama.cpp gives some
   * matrices a larger type than the file's, so every file is held against all types.)
   */
  @ParameterizedTest
  @CsvSource({
    "models/stories260K/stories260K, Q8_0, 36",
    "models/stories260K/stories260K, Q4_0, 36",
    "models/tiny/llama-gqa/llama-gqa, Q8_0, 15",
    "models/tiny/llama-gqa/llama-gqa, Q4_0, 15",
    "models/tiny/llama-gqa/llama-gqa, Q4_K_M, 15",
    "models/tiny/llama-gqa/llama-gqa, Q6_K, 15"
  })
  void matricesEqualThoseOfLlamaCpp(String model, String type, int matrices) {
    Path plain = Golden.outside(model + "-F32.gguf");
    Path golden = Golden.outside(model + "-" + type + ".gguf");
    Map<DType, GgufFile> ours = new HashMap<>();
    int equal = 0;
    try (GgufFile theirs = GgufFile.open(golden)) {
      for (String name : theirs.names()) {
        DType dtype = theirs.spec(name).dtype();
        if (dtype != ScalarType.F32) {
          GgufFile made =
              ours.computeIfAbsent(
                  dtype,
                  d -> {
                    Path out = folder.resolve(d.name() + ".gguf");
                    quantize(plain, out, d);
                    return GgufFile.open(out);
                  });
          assertEquals(theirs.spec(name), made.spec(name), name);
          assertEquals(
              -1, theirs.storage(name).segment().mismatch(made.storage(name).segment()), name);
          equal++;
        }
      }
    } finally {
      ours.values().forEach(GgufFile::close);
    }
    assertEquals(matrices, equal);
  }

  /** Rows enough for several slices of every kernel. */
  @ParameterizedTest
  @EnumSource(value = BlockType.class, mode = EnumSource.Mode.EXCLUDE, names = "MXFP4")
  void theNativeKernelsWriteTheSameFile(BlockType type) throws IOException {
    Path in = file("blk.0.ffn_up.weight", gaussian(200 * 768), 200);
    Path expected = folder.resolve("expected.gguf");
    Path actual = folder.resolve("actual.gguf");
    quantize(in, expected, type);
    try (Engine fast = Engines.of("native", Precision.EXACT)) {
      Quantization.of(type).run(fast, in, actual, t -> {});
    }
    assertEquals(-1, Files.mismatch(expected, actual));
  }

  @ParameterizedTest
  @CsvSource({"256, Q4_K", "64, Q8_0", "20, F16"})
  void rowsThatDontFillBlocksTakeTheNextTypeThatFits(int columns, String expected) {
    Path out = folder.resolve("out.gguf");
    Quantization.Report report =
        quantize(file("blk.0.ffn_up.weight", gaussian(4 * columns), 4), out, BlockType.Q4_K);
    try (GgufFile made = GgufFile.open(out)) {
      assertEquals(expected, made.spec("blk.0.ffn_up.weight").dtype().name());
    }
    assertEquals(expected.equals("Q4_K") ? 0 : 1, report.fallbacks().size());
  }

  @Test
  void normsAndPositionsStayAsTheyAre() {
    float[] values = gaussian(4 * 256);
    for (String name : new String[] {"position_embd.weight", "blk.0.attn_norm.weight"}) {
      Path out = folder.resolve("out.gguf");
      quantize(file(name, values, 4), out, BlockType.Q8_0);
      try (GgufFile made = GgufFile.open(out)) {
        assertEquals(ScalarType.F32, made.spec(name).dtype(), name);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void whatABlockCantHoldIsRefusedAndNothingIsWritten(float bad) {
    float[] values = gaussian(4 * 256);
    values[2 * 256 + 7] = bad;
    Path in = file("blk.0.ffn_up.weight", values, 4);
    Path out = folder.resolve("out.gguf");
    for (BlockType type : new BlockType[] {BlockType.Q8_0, BlockType.Q4_0, BlockType.Q6_K}) {
      NotSupportedException e =
          assertThrows(NotSupportedException.class, () -> quantize(in, out, type));
      assertTrue(e.getMessage().contains("'blk.0.ffn_up.weight' holds " + bad), e.getMessage());
      assertTrue(e.getMessage().contains("at [2, 7]"), e.getMessage());
      assertFalse(Files.exists(out));
    }
    quantize(in, out, ScalarType.BF16);
    assertTrue(Files.exists(out));
  }

  @ParameterizedTest
  @EnumSource(
      value = BlockType.class,
      names = {"Q4_0", "Q4_K", "Q6_K"})
  void aQuantisedFileIsNotQuantisedAgain(BlockType type) {
    Path out = folder.resolve("out.gguf");
    NotSupportedException e =
        assertThrows(
            NotSupportedException.class,
            () -> quantize(Golden.of("llama/llama-Q8_0.gguf"), out, type));
    assertTrue(e.getMessage().contains("is Q8_0 already"), e.getMessage());
    assertFalse(Files.exists(out));
  }

  @Test
  void fallbacksAreToldInTheOrderOfTheFile() {
    Path in = folder.resolve("in.gguf");
    GgufWriter writer = new GgufWriter().put("general.architecture", GgufValue.of("llama"));
    List<String> names = new ArrayList<>();
    for (int layer = 0; layer < 12; layer++) {
      String name = "blk." + layer + ".ffn_up.weight";
      names.add(name);
      float[] values = gaussian(2 * 33);
      writer.tensor(name, TensorSpec.of(ScalarType.F32, 2, 33), MemorySegment.ofArray(values));
    }
    writer.write(in);
    Quantization.Report report = quantize(in, folder.resolve("out.gguf"), BlockType.Q8_0);
    assertEquals(names, List.copyOf(report.fallbacks().keySet()));
  }
}
