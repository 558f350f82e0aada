package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.DataOp;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Quantisation in every tier, byte for byte against the reference. */
class QuantizeTest {
  private static final int SUPER = 256;

  /** Distributions of elements; a row holds some blocks of one. */
  private enum Kind {
    GAUSSIAN,
    HEAVY_TAILED,
    POSITIVE,
    NEGATIVE,
    SHIFTED,
    SPARSE,
    CONSTANT,
    ZERO,
    TIES,
    EQUAL_SIZES,
    TINY,
    DENORMAL,
    UNDERFLOWING_SQUARES,
    OVERFLOWING_SQUARES,
    HUGE,
    ANY_EXPONENT,
    ANY_BITS,
    SOME_NOT_FINITE,
    ONLY_NOT_FINITE;

    float next(Random random, float fixed) {
      float g = (float) random.nextGaussian();
      float sign = random.nextBoolean() ? 1 : -1;
      return switch (this) {
        case GAUSSIAN -> 0.02f * g;
        case HEAVY_TAILED -> g / (float) (random.nextGaussian() + 1e-3);
        case POSITIVE -> Math.abs(g);
        case NEGATIVE -> -Math.abs(g) - 0.1f;
        case SHIFTED -> 3 + 0.1f * g;
        case SPARSE -> random.nextInt(20) == 0 ? g : sign * 0f;
        case CONSTANT -> fixed;
        case ZERO -> sign * 0f;
        case TIES -> random.nextInt(-8, 9) / 2f;
        case EQUAL_SIZES -> sign * fixed;
        case TINY -> 1e-15f * g;
        case DENORMAL -> Float.intBitsToFloat(random.nextInt(1 << random.nextInt(24))) * sign;
        case UNDERFLOWING_SQUARES -> 3e-23f * g;
        case OVERFLOWING_SQUARES -> 3e12f * g * (random.nextInt(9) == 0 ? 1e7f : 1);
        case HUGE -> 1e38f * g;
        case ANY_EXPONENT -> Math.scalb(g, random.nextInt(-150, 128));
        case ANY_BITS -> Float.intBitsToFloat(random.nextInt());
        case SOME_NOT_FINITE ->
            random.nextInt(60) == 0 ? random.nextBoolean() ? Float.NaN : sign / 0f : g;
        case ONLY_NOT_FINITE -> random.nextInt(4) == 0 ? fixed / 0f : Float.NaN;
      };
    }

    float[] values(Random random, int count) {
      float[] x = new float[count];
      float fixed = 1;
      for (int i = 0; i < count; i++) {
        fixed = i % (SUPER / 2) == 0 ? (float) random.nextGaussian() : fixed;
        x[i] = next(random, fixed);
      }
      return x;
    }
  }

  private static byte[] quantized(Functions tier, BlockType type, TensorView x) {
    return Harness.run(tier, new DataOp.Cast(type), false, Precision.EXACT, List.of(x))
        .getFirst()
        .segment()
        .toArray(JAVA_BYTE);
  }

  private static byte[] reference(BlockType type, float[] x) {
    byte[] bytes = new byte[Math.toIntExact(type.bytes(x.length))];
    BlockCodecs.of(type).quantize(x, 0, MemorySegment.ofArray(bytes), 0, x.length);
    return bytes;
  }

  /** Says which block, its elements, and both results, if there is a difference. */
  private static void same(String what, BlockType type, float[] x, byte[] expected, byte[] actual) {
    int at = Arrays.mismatch(expected, actual);
    if (at >= 0) {
      int block = at / type.blockBytes();
      int first = block * type.blockLength();
      List<String> shown = new ArrayList<>();
      for (int i = first; i < first + type.blockLength(); i++) {
        shown.add(Float.toHexString(x[i]));
      }
      assertEquals(
          expected[at],
          actual[at],
          what + " block " + block + " byte " + at % type.blockBytes() + " of " + shown);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = BlockType.class,
      names = {"Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  void bytesAreThoseOfTheReference(BlockType type) {
    Random random = new Random(11);
    for (Kind kind : Kind.values()) {
      for (int blocks : new int[] {1, 2, 3, 40}) {
        float[] values = kind.values(random, blocks * SUPER);
        TensorView x = Harness.empty(ScalarType.F32, values.length);
        MemorySegment.copy(values, 0, x.segment(), JAVA_FLOAT, 0, values.length);
        byte[] expected = reference(type, values);
        for (Functions tier : Harness.tiers()) {
          String what = tier.describe() + " " + type + " " + kind;
          same(what, type, values, expected, quantized(tier, type, x));
        }
      }
    }
  }

  /** More than one slice, the last one short: its bytes are those of its elements alone. */
  @ParameterizedTest
  @EnumSource(
      value = BlockType.class,
      names = {"Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  void slicesMeetWithoutASeam(BlockType type) {
    float[] values = Kind.GAUSSIAN.values(new Random(13), 64 * 1024 + 3 * SUPER);
    TensorView x = Harness.empty(ScalarType.F32, values.length);
    MemorySegment.copy(values, 0, x.segment(), JAVA_FLOAT, 0, values.length);
    byte[] expected = reference(type, values);
    List<Functions> tiers = Harness.tiers();
    same("slices", type, values, expected, quantized(tiers.getLast(), type, x));
  }
}
