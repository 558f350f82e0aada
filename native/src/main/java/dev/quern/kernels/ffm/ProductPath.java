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
 *   <li>Weights of 32 or 16 bits, {@value #SPLIT} rows or more ({@value #SPLIT_F32} for F32), with
 *       AMX, unless the next lines take them: {@code matmul_bf16x3_*}, both operands in BF16 terms
 *       that lose nothing. F16 under FAST: {@code matmul_bf16x2_f16}, activations with 17 of 24
 *       bits.
 *   <li>EXACT, and any F32 or F16 weight: activations F32. Up to {@value #FEW} rows {@code
 *       matvec_f32_*}, which streams the weights; beyond, {@code matmul_f32_*}, which packs them.
 *   <li>FAST, few rows: {@code matvec}, BF16 × BF16, Q8_0 × Q8_0|Q4_0, Q8_K × Q4_K|Q6_K. Other
 *       block formats have no dot product of their own and meet F32 activations, as in EXACT.
 *   <li>FAST, {@value #TILES} rows or more, with AMX or AVX-512: {@code matmul_bf16_*}, activations
 *       BF16 in the order of tiles. BF16 weights, which are tiles as they are stored, from {@value
 *       #TILES_STORED} rows with AMX, and without it where {@code matvec} has no more to give, from
 *       {@value #DOTS_STORED}. Under BF16 also for weights of F32 and F16.
 *   <li>Activations of BF16 with BF16 weights, FAST or BF16, with AMX or AVX-512, any number of
 *       rows: {@code matmul_bf16_bf16_to_bf16}, whose results are BF16.
 *   <li>FAST, {@value #DOTS} rows or more, without either: {@code matmul_f32_*}: packed F32 is
 *       faster than dot products there, and rounds nothing.
 * </ul>
 *
 * <p>Thresholds measured on one core (2048 × 2048, GFLOP/s). Q8_0, 4 rows: VNNI 75, AMX 66; 8 rows:
 * 75, 133. BF16, 3 rows: dot products 48, AMX 75; 8 rows: 75, 199. EXACT at 8 rows: stream 70 to
 * 92, packed 41 to 54; at 16: 84 to 97, 63 to 81. Terms at 8 and 16 rows: F32 42 and 85, F16 69 and
 * 141 (activations of 17 bits 85 and 168), BF16 94 and 188.
 *
 * @param function the kernel
 * @param activation the format to convert activations to; F32 for none
 * @param convert the conversion, null if none is needed
 * @param packs whether it wants scratch
 */
record ProductPath(
    Function function, Activation activation, @Nullable Function convert, boolean packs) {

  /** Rows up to which an EXACT product streams its weights. */
  static final int FEW = 16;

  /** Rows from which unpacking weights to tiles pays. */
  static final int TILES = 8;

  /** The same on AMX for BF16 weights, which need no unpacking. */
  static final int TILES_STORED = 3;

  /** The same without AMX. */
  static final int DOTS_STORED = 17;

  /** Rows from which weights of 16 bits are multiplied in BF16 terms. */
  static final int SPLIT = 10;

  /** The same for F32 weights. */
  static final int SPLIT_F32 = 17;

  /** Rows from which, without AVX-512, a FAST product computes in packed F32. */
  static final int DOTS = 16;

  /** Formats of activations. */
  enum Activation {
    /** As they come. */
    F32("f32", 1, 4, 1),
    /** Rounded to BF16. */
    BF16("bf16", 1, 2, 1),
    /** Rounded to BF16, in the order of tiles: 32 rows and 32 elements belong together. */
    BF16_TILES("bf16_tiles", 32, 64, 32),
    /** Rounded to two BF16 terms, 17 bits of mantissa, in the order of tiles. */
    BF16X2_TILES("bf16x2_tiles", 32, 128, 32),
    /** Three BF16 terms, exact, in the order of tiles. */
    BF16X3_TILES("bf16x3_tiles", 32, 192, 32),
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
    if (precision == Precision.BF16 || (precision == Precision.FAST && !wide)) {
      Optional<Function> tiles = f.find("matmul_bf16_" + w);
      if (tiles.isPresent() && m >= least(weight, tiles.get().tier())) {
        return converted(f, tiles.get(), Activation.BF16_TILES, true);
      }
      Activation a = dotActivation(weight);
      Optional<Function> dots = f.find("matvec_" + a.symbol + "_" + w);
      if (!wide && dots.isPresent() && (m < DOTS || tiles.isPresent())) {
        return converted(f, dots.get(), a, false);
      }
    }
    boolean two = weight == ScalarType.F16 && precision == Precision.FAST;
    Optional<Function> split = f.find((two ? "matmul_bf16x2_" : "matmul_bf16x3_") + w);
    if (split.isPresent() && m >= (weight == ScalarType.F32 ? SPLIT_F32 : SPLIT)) {
      Activation terms = two ? Activation.BF16X2_TILES : Activation.BF16X3_TILES;
      return converted(f, split.get(), terms, true);
    }
    boolean packs = m > FEW;
    String kernel = (packs ? "matmul_f32_" : "matvec_f32_") + w;
    return new ProductPath(f.get(kernel), Activation.F32, null, packs);
  }

  private static int least(DType weight, Tier tier) {
    if (weight != ScalarType.BF16) {
      return TILES;
    }
    return tier == Tier.AMX ? TILES_STORED : DOTS_STORED;
  }

  /**
   * The path of products whose activations and results are BF16, if there is one. A single row is
   * within a tenth of a dot product's speed.
   */
  static Optional<ProductPath> narrow(Functions f, DType weight, Precision precision) {
    boolean taken =
        weight == ScalarType.BF16 && (precision == Precision.FAST || precision == Precision.BF16);
    return (taken ? f.find("matmul_bf16_bf16_to_bf16") : Optional.<Function>empty())
        .map(
            kernel ->
                new ProductPath(
                    kernel, Activation.BF16_TILES, f.get("convert_bf16_bf16_tiles"), true));
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

  /** How many streams of weights a slice reads side by side, if the weights aren't packed. */
  int streams() {
    return activation == Activation.BF16 && function.tier() == Tier.AMX ? 8 : 4;
  }
}
