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
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
  @EnumSource(
      value = BlockType.class,
      names = {"Q8_0", "Q4_0", "Q4_K", "Q6_K"})
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
    "Q6_K, d07fe4e83f4c979b4a66b852416965b38c8eeb5a8cbbe2b1a1d2ccc03f352ad9",
    "Q4_1, 30c3639c950afcf170775b87e818a9a7fd12d85b07d5dffba5f5495688a9baed",
    "Q5_0, 064427468d640039c3d470d1b4342d8e672d56efcf23f9f1e0b70413aec08de9",
    "Q5_1, bcdf679086569319c149f661116dbeb868495b2cc97ce84bd1f924080f99a5c8",
    "Q2_K, 02527f704b5dbd67dfd24d4b2f434b8dd86e744e6bd6eb6c670d2a36f0665c8e",
    "Q3_K, 1f735a70fc77528beb62b95d2587f31a2af7c51ed42a32cffd43668e0f9ff31b",
    "Q5_K, ae0925591e8e1b30c15e66b55ee2d127a4984ae12bec97bfc5404df6aef4c5f6",
    "IQ4_NL, bbe5bd54c66f7685653b7cef6c0404565ff5e9edbca22e74e882bd696e95c216",
    "IQ4_XS, ff5c4324f1bc354ee62334bc1b82279eb1c8b0f6beecf1ca3118b7c01ec1b2b5"
  })
  void writesWhatGgmlWrites(BlockType type, String sha256) {
    assertEquals(sha256, digest(quantize(type, elements())));
  }

  /** The digests are of the F32 that ggml's own dequantize_row_... make of the same blocks. */
  @ParameterizedTest
  @CsvSource({
    "Q4_1, e91cfad5f29cc91e4146490f6cb32860b69ddff4e626552aa782003607faaa71",
    "Q5_0, e8ac0d634b0aa87f1b23a4bbcd53d5c00e3d27d484427be0b124bc70d14452ac",
    "Q5_1, 05e9b2fba2861afca7ce68c9c7115d9aded9ac4052671640a79227ce26d1a114",
    "Q2_K, 53a0ea53938273687f10e8611dadfbedb84f6d30ea42b3eab48252a58326ddd7",
    "Q3_K, 5b5814d96d8e94ebed7f72f6f57ed6b198ffb09a484448130b0d2d5c8dec1206",
    "Q5_K, d216a332eb394be3af14883e39f5577856c0f13bdd18327a50a531dfeb646241",
    "IQ4_NL, dfb87af67d5019845fe60c74456a988b1500c920c7b36cd80a3c4e71ab58bc71",
    "IQ4_XS, cf62ce37a73a28e9d49c16a3d3bfd7e17a17867636c97ff92a00bc7fd19e28fa"
  })
  void readsAsGgmlReads(BlockType type, String sha256) {
    float[] y = dequantize(type, quantize(type, elements()));
    ByteBuffer bytes = ByteBuffer.allocate(4 * y.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(y);
    assertEquals(sha256, digest(bytes.array()));
  }

  private static float[] elements() {
    SplittableRandom random = new SplittableRandom(11);
    float[] x = new float[64 * 256];
    for (int i = 0; i < x.length; i++) {
      double bell =
          random.nextDouble() + random.nextDouble() - random.nextDouble() - random.nextDouble();
      x[i] = (float) (Math.scalb(1.0, -(i / 1024)) * (bell + 0.1 * (i / 2048)));
    }
    return x;
  }

  private static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
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
          case Q3_K -> 3e-2;
          case Q2_K -> 2e-1;
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
    // a minimum and steps of a thirty-first are stored as F16
    boolean least = type == BlockType.Q4_1 || type == BlockType.Q5_1;
    for (float scale : new float[] {1e-45f, 1e-38f, least ? 1e-6f : 1e-7f, least ? 1e4f : 1e5f}) {
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
      assertTrue(e.getMessage().contains(BlockCodecs.supported().toString()), e.getMessage());
    }
  }
}
