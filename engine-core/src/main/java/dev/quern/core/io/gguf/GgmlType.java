package dev.quern.core.io.gguf;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The element types of tensors in GGUF files, with the numbers and block sizes that ggml gives
 * them. Sizes are known for types that Quern cannot compute with, so that a file which holds some
 * can be checked and listed. Source: ggml.h and ggml-common.h of github.com/ggml-org/ggml.
 */
public enum GgmlType {
  /** IEEE 754 binary32. */
  F32(0, ScalarType.F32),
  /** IEEE 754 binary16. */
  F16(1, ScalarType.F16),
  /** 4-bit, scale. */
  Q4_0(2, BlockType.Q4_0),
  /** 4-bit, scale and minimum. */
  Q4_1(3, BlockType.Q4_1),
  /** 5-bit, scale. */
  Q5_0(6, BlockType.Q5_0),
  /** 5-bit, scale and minimum. */
  Q5_1(7, BlockType.Q5_1),
  /** 8-bit, scale. */
  Q8_0(8, BlockType.Q8_0),
  /** 8-bit, scale and sum: for activations, not meant for files. */
  Q8_1(9, 32, 36),
  /** 2-bit K-quant. */
  Q2_K(10, BlockType.Q2_K),
  /** 3-bit K-quant. */
  Q3_K(11, BlockType.Q3_K),
  /** 4-bit K-quant. */
  Q4_K(12, BlockType.Q4_K),
  /** 5-bit K-quant. */
  Q5_K(13, BlockType.Q5_K),
  /** 6-bit K-quant. */
  Q6_K(14, BlockType.Q6_K),
  /** 8-bit in super-blocks: for activations, not meant for files. */
  Q8_K(15, 256, 292),
  /** 2.06 bits per weight, codebook. */
  IQ2_XXS(16, 256, 66),
  /** 2.31 bits per weight, codebook. */
  IQ2_XS(17, 256, 74),
  /** 3.06 bits per weight, codebook. */
  IQ3_XXS(18, 256, 98),
  /** 1.56 bits per weight, codebook. */
  IQ1_S(19, 256, 50),
  /** 4-bit, non-linear. */
  IQ4_NL(20, BlockType.IQ4_NL),
  /** 3.44 bits per weight, codebook. */
  IQ3_S(21, 256, 110),
  /** 2.56 bits per weight, codebook. */
  IQ2_S(22, 256, 82),
  /** 4-bit, non-linear, in super-blocks. */
  IQ4_XS(23, BlockType.IQ4_XS),
  /** Signed 8-bit integer. */
  I8(24, ScalarType.I8),
  /** Signed 16-bit integer. */
  I16(25, ScalarType.I16),
  /** Signed 32-bit integer. */
  I32(26, ScalarType.I32),
  /** Signed 64-bit integer. */
  I64(27, ScalarType.I64),
  /** IEEE 754 binary64. */
  F64(28, ScalarType.F64),
  /** 1.75 bits per weight, codebook. */
  IQ1_M(29, 256, 56),
  /** Upper half of a binary32. */
  BF16(30, ScalarType.BF16),
  /** Ternary, five to a byte. */
  TQ1_0(34, 256, 54),
  /** Ternary, four to a byte. */
  TQ2_0(35, 256, 66),
  /** 4-bit floats with a power-of-two scale. */
  MXFP4(39, BlockType.MXFP4),
  /** 4-bit floats with E4M3 scales. */
  NVFP4(40, 64, 36),
  /** 1-bit, scale. */
  Q1_0(41, 128, 18),
  /** 2-bit, scale. */
  Q2_0(42, 64, 18);

  private static final GgmlType[] ALL = values();

  private final int id;
  private final int blockLength;
  private final int blockBytes;

  @SuppressWarnings("ImmutableEnumChecker") // every DType is an enum constant
  private final @Nullable DType dtype;

  GgmlType(int id, DType dtype) {
    this.id = id;
    this.blockLength = dtype.blockLength();
    this.blockBytes = dtype.blockBytes();
    this.dtype = dtype;
  }

  GgmlType(int id, int blockLength, int blockBytes) {
    this.id = id;
    this.blockLength = blockLength;
    this.blockBytes = blockBytes;
    this.dtype = null;
  }

  /**
   * The number that stands for it in a file.
   *
   * @return ggml's number
   */
  public int id() {
    return id;
  }

  /**
   * Elements in a block.
   *
   * @return 1 for scalar types
   */
  public int blockLength() {
    return blockLength;
  }

  /**
   * Size of a block.
   *
   * @return bytes
   */
  public int blockBytes() {
    return blockBytes;
  }

  /**
   * Quern's type of the same layout.
   *
   * @return the type, or null if there is none
   */
  public @Nullable DType dtype() {
    return dtype;
  }

  /**
   * The type of a number.
   *
   * @param id a number from a file
   * @return the type, or null if ggml has none of that number
   */
  public static @Nullable GgmlType of(long id) {
    for (GgmlType t : ALL) {
      if (t.id == id) {
        return t;
      }
    }
    return null;
  }

  /**
   * ggml's name of one of Quern's types.
   *
   * @param dtype a type
   * @return the type of the same layout
   * @throws NotSupportedException if GGUF has none (U8, BOOL, F8_E4M3)
   */
  public static GgmlType of(DType dtype) {
    for (GgmlType t : ALL) {
      if (dtype.equals(t.dtype)) {
        return t;
      }
    }
    throw new NotSupportedException(
        "[gguf] the format has no element type for " + dtype.name() + "; cast to I8 or F32 first");
  }
}
