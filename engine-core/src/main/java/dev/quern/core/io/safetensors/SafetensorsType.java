package dev.quern.core.io.safetensors;

import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * The element types that the format has, in the order in which its own library ranks them when it
 * lays out a file.
 */
public enum SafetensorsType {
  /** One byte, 0 or 1. */
  BOOL(8, ScalarType.BOOL),
  /** 4-bit float E2M1, two to a byte. */
  F4(4, null),
  /** 6-bit float E2M3. */
  F6_E2M3(6, null),
  /** 6-bit float E3M2. */
  F6_E3M2(6, null),
  /** Unsigned 8-bit integer. */
  U8(8, ScalarType.U8),
  /** Signed 8-bit integer. */
  I8(8, ScalarType.I8),
  /** 8-bit float E5M2. */
  F8_E5M2(8, null),
  /** 8-bit float E4M3. */
  F8_E4M3(8, ScalarType.F8_E4M3),
  /** 8-bit float E5M2 without infinities and negative zero. */
  F8_E5M2FNUZ(8, null),
  /** 8-bit float E4M3 without infinities and negative zero. */
  F8_E4M3FNUZ(8, null),
  /** 8-bit power of two. */
  F8_E8M0(8, null),
  /** Signed 16-bit integer. */
  I16(16, ScalarType.I16),
  /** Unsigned 16-bit integer. */
  U16(16, null),
  /** IEEE 754 binary16. */
  F16(16, ScalarType.F16),
  /** Upper half of a binary32. */
  BF16(16, ScalarType.BF16),
  /** Signed 32-bit integer. */
  I32(32, ScalarType.I32),
  /** Unsigned 32-bit integer. */
  U32(32, null),
  /** IEEE 754 binary32. */
  F32(32, ScalarType.F32),
  /** Two binary32: a complex number. */
  C64(64, null),
  /** IEEE 754 binary64. */
  F64(64, ScalarType.F64),
  /** Signed 64-bit integer. */
  I64(64, ScalarType.I64),
  /** Unsigned 64-bit integer. */
  U64(64, null);

  private static final SafetensorsType[] ALL = values();

  private final int bits;

  @SuppressWarnings("ImmutableEnumChecker") // every DType is an enum constant
  private final @Nullable DType dtype;

  SafetensorsType(int bits, @Nullable DType dtype) {
    this.bits = bits;
    this.dtype = dtype;
  }

  /**
   * Size of an element.
   *
   * @return bits
   */
  public int bits() {
    return bits;
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
   * The type of a name.
   *
   * @param name as in a header
   * @return the type, or null if the format has none of that name
   */
  public static @Nullable SafetensorsType of(String name) {
    for (SafetensorsType t : ALL) {
      if (t.name().equals(name)) {
        return t;
      }
    }
    return null;
  }

  /**
   * The format's name of one of Quern's types.
   *
   * @param dtype a type
   * @return the type of the same layout
   * @throws NotSupportedException for block types, which the format does not have
   */
  public static SafetensorsType of(DType dtype) {
    for (SafetensorsType t : ALL) {
      if (dtype.equals(t.dtype)) {
        return t;
      }
    }
    throw new NotSupportedException(
        "[safetensors] the format has no element type for "
            + dtype.name()
            + "; write GGUF, or dequantise first");
  }
}
