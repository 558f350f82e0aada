package dev.quern.kernels.ffm;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.kernels.ffm.Functions.Function;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Which C kernel computes x · Wᵀ, and what its activations look like. Depends on the weight format,
 * the precision, the tiers and the number of rows of the whole product (never of a slice):
 *
 * <ul>
 *   <li>EXACT, and any F32 or F16 weight: activations F32. Up to {@value #FEW} rows ({@value
 *       #FEW_F32} for F32 weights) {@code matvec_f32_*}, which streams the weights; beyond, {@code
 *       matmul_f32_*}, which packs them. F16 weights keep F32 activations under FAST too: rounding
 *       them to BF16 would cost more than the format has.
 *   <li>FAST, few rows: {@code matvec}, BF16 × BF16, Q8_0 × Q8_0|Q4_0, Q8_K × Q4_K|Q6_K.
 *   <li>FAST, {@value #TILES} rows or more, with AMX: {@code matmul_bf16_*}, activations BF16.
 *   <li>FAST, {@value #DOTS} rows or more, without AMX: {@code matmul_f32_*}: packed F32 is faster
 *       than dot products there, and rounds nothing.
 * </ul>
 *
 * <p>Thresholds measured on one core (2048 × 2048, Q8_0, GFLOP/s): 4 rows: VNNI 75, AMX 66; 8 rows:
 * 75, 133. EXACT at 4 rows: stream 36, packed 30; at 8: 36, 50 (F32 weights: 61, 40; at 16: 58,
 * 64).
 *
 * @param function the kernel
 * @param activation the format to convert F32 activations to; F32 for none
 * @param convert the conversion, null if none is needed
 * @param packs whether it wants scratch
 */
record ProductPath(
    Function function, Activation activation, @Nullable Function convert, boolean packs) {

  /** Rows from which an EXACT product packs its weights. */
  static final int FEW = 7;

  /** The same for F32 weights, which stream faster. */
  static final int FEW_F32 = 15;

  /** Rows from which AMX tiles pay. */
  static final int TILES = 8;

  /** Rows from which, without AMX, a FAST product computes in packed F32. */
  static final int DOTS = 16;

  /** Formats of activations. */
  enum Activation {
    /** As they come. */
    F32("f32", 1, 4, 1),
    /** Rounded to BF16. */
    BF16("bf16", 1, 2, 1),
    /** Rounded to BF16, in the order of AMX tiles: 32 rows and 32 elements belong together. */
    BF16_TILES("bf16_tiles", 32, 64, 32),
    /** Blocks of 32: F16 scale, 32 bytes. */
    Q8_0("q8_0", 32, 34, 1),
    /** Blocks of 256: F32 scale, 256 bytes, 16 sums. */
    Q8_K("q8_k", 256, 292, 1);

    private final String symbol;
    private final int length;
    private final int bytes;
    private final int group;

    Activation(String symbol, int length, int bytes, int group) {
      this.symbol = symbol;
      this.length = length;
      this.bytes = bytes;
      this.group = group;
    }

    /** Bytes of a row of k elements. */
    long rowBytes(long k) {
      return Math.ceilDiv(k, length) * bytes;
    }

    /** Rows with those that fill up the last group. */
    long rows(long m) {
      return Math.ceilDiv(m, group) * group;
    }
  }

  /** The path of a product of m rows. */
  static ProductPath of(Functions f, DType weight, Precision precision, long m) {
    String w = String.valueOf(Weights.symbol(weight));
    boolean wide = weight == ScalarType.F32 || weight == ScalarType.F16;
    if (precision == Precision.FAST && !wide) {
      Optional<Function> tiles = f.find("matmul_bf16_" + w);
      if (m >= TILES && tiles.isPresent()) {
        return converted(f, tiles.get(), Activation.BF16_TILES, true);
      }
      if (m < DOTS || tiles.isPresent()) {
        Activation a = dotActivation(weight);
        return converted(f, f.get("matvec_" + a.symbol + "_" + w), a, false);
      }
    }
    int few = weight == ScalarType.F32 ? FEW_F32 : FEW;
    boolean packs = m > few;
    String kernel = (packs ? "matmul_f32_" : "matvec_f32_") + w;
    return new ProductPath(f.get(kernel), Activation.F32, null, packs);
  }

  private static ProductPath converted(Functions f, Function kernel, Activation a, boolean packs) {
    return new ProductPath(kernel, a, f.get("convert_f32_" + a.symbol), packs);
  }

  private static Activation dotActivation(DType weight) {
    return switch (weight) {
      case BlockType b when b.activation() == BlockType.Activation.Q8_K -> Activation.Q8_K;
      case BlockType _ -> Activation.Q8_0;
      default -> Activation.BF16;
    };
  }
}
