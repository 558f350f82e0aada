package dev.quern.core.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.npy.NpyFile;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.testkit.ConformanceData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The block formats: against ggml's own bytes, and by what each format promises. */
class BlockCodecTest {
  static Collection<BlockType> supported() {
    return BlockCodecs.supported();
  }

  /** ggml writes the K in lower case as it is, the rest small. */
  private static String fileName(BlockType t, String suffix) {
    return "ggml-types/" + t.name().toLowerCase(Locale.ROOT).replace("_k", "_K") + suffix;
  }

  @ParameterizedTest
  @MethodSource("supported")
  void readsWhatGgmlWrote(BlockType type) throws IOException {
    byte[] raw = Files.readAllBytes(ConformanceData.path(fileName(type, ".raw")));
    float[] expected = NpyFile.read(ConformanceData.path(fileName(type, ".dequant.npy"))).floats();
    float[] actual = new float[expected.length];
    BlockCodecs.of(type).dequantize(MemorySegment.ofArray(raw), 0, actual, 0, actual.length);
    assertArrayEquals(expected, actual);
  }

  /**
   * The digests are of what ggml's own quantisers (quantize_row_q8_0_ref and its siblings, commit
   * d99724f) write for these elements.
   */
  @ParameterizedTest
  @CsvSource({
    "Q8_0, fbe3d33ebf22af597ce5c4a462c4a3a7eb3e3232299744cfe3cac612a3229452",
    "Q4_0, 5ebf4d7b7655ede0897e31cf752cb1f2a448487872c325c4ff2d30ea2850eafe",
    "Q4_K, 57e0daa1e8676029179c577bba17ea7cf0c01689761be0be5a1ca412e8ff226c",
    "Q6_K, d07fe4e83f4c979b4a66b852416965b38c8eeb5a8cbbe2b1a1d2ccc03f352ad9"
  })
  void writesWhatGgmlWrites(BlockType type, String sha256) throws NoSuchAlgorithmException {
    SplittableRandom random = new SplittableRandom(11);
    float[] x = new float[64 * 256];
    for (int i = 0; i < x.length; i++) {
      double bell =
          random.nextDouble() + random.nextDouble() - random.nextDouble() - random.nextDouble();
      x[i] = (float) (Math.scalb(1.0, -(i / 1024)) * (bell + 0.1 * (i / 2048)));
    }
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(quantize(type, x));
    assertEquals(sha256, HexFormat.of().formatHex(digest));
  }

  @Test
  void writesTheEightBitVectors() throws IOException {
    Path input = ConformanceData.path("ggml-types/input.f32.npy");
    byte[] expected = Files.readAllBytes(ConformanceData.path("ggml-types/q8_0.raw"));
    assertArrayEquals(expected, quantize(BlockType.Q8_0, NpyFile.read(input).floats()));
  }

  private static byte[] quantize(BlockType type, float[] values) {
    byte[] bytes = new byte[(int) type.bytes(values.length)];
    BlockCodecs.of(type).quantize(values, 0, MemorySegment.ofArray(bytes), 0, values.length);
    return bytes;
  }

  private static float[] dequantize(BlockType type, byte[] bytes) {
    float[] values = new float[bytes.length / type.blockBytes() * type.blockLength()];
    BlockCodecs.of(type).dequantize(MemorySegment.ofArray(bytes), 0, values, 0, values.length);
    return values;
  }

  @ParameterizedTest
  @MethodSource("supported")
  void errorStaysWithinTheFormat(BlockType type) {
    SplittableRandom random = new SplittableRandom(7);
    float[] x = new float[8 * type.blockLength()];
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) (random.nextGaussian() * (1 + i / type.blockLength()));
      sum += (double) x[i] * x[i];
    }
    float[] y = dequantize(type, quantize(type, x));
    double error = 0;
    for (int i = 0; i < x.length; i++) {
      error += (double) (y[i] - x[i]) * (y[i] - x[i]);
    }
    double limit =
        switch (type) {
          case Q8_0 -> 1e-4;
          case Q6_K -> 5e-4;
          default -> 1e-2;
        };
    assertTrue(error / sum < limit, type + " has error " + error / sum);
    assertTrue(error / sum > limit / 100, type + " is too good to be true: " + error / sum);
  }

  @ParameterizedTest
  @MethodSource("supported")
  void zerosStayZeros(BlockType type) {
    float[] zeros = new float[2 * type.blockLength()];
    assertArrayEquals(zeros, abs(dequantize(type, quantize(type, zeros))));
  }

  @ParameterizedTest
  @MethodSource("supported")
  void awkwardBlocksAreFinite(BlockType type) {
    for (float scale : new float[] {1e-45f, 1e-38f, 1e-7f, 1e5f}) {
      float[] x = new float[type.blockLength()];
      for (int i = 0; i < x.length; i++) {
        x[i] = scale * (i % 7 - 3);
      }
      float[] y = dequantize(type, quantize(type, x));
      for (int i = 0; i < x.length; i++) {
        assertTrue(Math.abs(y[i] - x[i]) <= 4 * scale, type + " " + scale + " [" + i + "]=" + y[i]);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("supported")
  void nothingButNumbersIsSurvived(BlockType type) {
    float[] x = new float[type.blockLength()];
    Arrays.fill(x, Float.NaN);
    assertEquals(type.blockBytes(), quantize(type, x).length);
    Arrays.fill(x, Float.NEGATIVE_INFINITY);
    assertEquals(type.blockBytes(), quantize(type, x).length);
  }

  private static float[] abs(float[] x) {
    for (int i = 0; i < x.length; i++) {
      x[i] = Math.abs(x[i]);
    }
    return x;
  }

  @Test
  void nibblesAreWhereTheFormatSays() {
    byte[] block = new byte[18];
    block[1] = 0x3c; // d = 1
    block[2] = (byte) 0xf0;
    float[] x = dequantize(BlockType.Q4_0, block);
    assertEquals(-8, x[0]);
    assertEquals(7, x[16]);
    assertEquals(-8, x[1]);
  }

  @ParameterizedTest
  @EnumSource(BlockType.class)
  void othersSayWhatThereIs(BlockType type) {
    if (!supported().contains(type)) {
      var e = assertThrows(NotSupportedException.class, () -> BlockCodecs.of(type));
      assertTrue(e.getMessage().contains(type.name()), e.getMessage());
      assertTrue(e.getMessage().contains("Q8_0, Q4_0, Q4_K, Q6_K"), e.getMessage());
    }
  }
}
