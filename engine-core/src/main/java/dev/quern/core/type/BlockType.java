package dev.quern.core.type;

import static java.lang.foreign.MemoryLayout.sequenceLayout;
import static java.lang.foreign.MemoryLayout.structLayout;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;

/**
 * The block formats of GGUF: a block is a run of elements along the last axis that share scales.
 *
 * <p>Each constant states the block length (elements), the layout of a block in memory (from which
 * its size follows) and the format in which activations meet it in a dot product under {@link
 * Precision#FAST}. Whether a format can be computed with is a question to the kernels, not to this
 * table. Source: the GGUF specification and the block structs of ggml-common.h.
 */
public enum BlockType implements DType {
  /** 8-bit: {@code x = d·q}; d is F16. */
  Q8_0(32, Activation.Q8_0, f16("d"), bytes("qs", 32)),
  /** 4-bit: {@code x = d·(q − 8)}; d is F16. Low nibbles are elements 0..15, high ones 16..31. */
  Q4_0(32, Activation.Q8_0, f16("d"), bytes("qs", 16)),
  /** 4-bit: {@code x = d·q + m}. */
  Q4_1(32, Activation.Q8_0, f16("d"), f16("m"), bytes("qs", 16)),
  /** 5-bit: {@code x = d·(q − 16)}; qh holds the fifth bits. */
  Q5_0(32, Activation.Q8_0, f16("d"), bytes("qh", 4), bytes("qs", 16)),
  /** 5-bit: {@code x = d·q + m}. */
  Q5_1(32, Activation.Q8_0, f16("d"), f16("m"), bytes("qh", 4), bytes("qs", 16)),
  /** 2-bit in 16 sub-blocks of 16. */
  Q2_K(256, Activation.Q8_K, bytes("scales", 16), bytes("qs", 64), f16("d"), f16("dmin")),
  /** 3-bit in 16 sub-blocks of 16. */
  Q3_K(256, Activation.Q8_K, bytes("hmask", 32), bytes("qs", 64), bytes("scales", 12), f16("d")),
  /** 4-bit in 8 sub-blocks of 32: {@code x = d·sc·q − dmin·m}; sc and m have 6 bits. */
  Q4_K(256, Activation.Q8_K, f16("d"), f16("dmin"), bytes("scales", 12), bytes("qs", 128)),
  /** 5-bit in 8 sub-blocks of 32. */
  Q5_K(
      256,
      Activation.Q8_K,
      f16("d"),
      f16("dmin"),
      bytes("scales", 12),
      bytes("qh", 32),
      bytes("qs", 128)),
  /** 6-bit in 16 sub-blocks of 16: {@code x = d·sc·(q − 32)}; sc is signed 8-bit. */
  Q6_K(256, Activation.Q8_K, bytes("ql", 128), bytes("qh", 64), bytes("scales", 16), f16("d")),
  /** 4-bit non-linear codebook. */
  IQ4_NL(32, Activation.Q8_0, f16("d"), bytes("qs", 16)),
  /** 4-bit non-linear codebook in 8 sub-blocks of 32. */
  IQ4_XS(
      256, Activation.Q8_K, f16("d"), bytes("scales_h", 2), bytes("scales_l", 4), bytes("qs", 128)),
  /** 4-bit floats (E2M1) with a shared power-of-two scale (E8M0). */
  MXFP4(32, Activation.Q8_0, bytes("e", 1), bytes("qs", 16));

  /** How activations are stored when they meet a block type in an 8-bit dot product. */
  public enum Activation {
    /** Blocks of 32: F16 scale and 32 signed bytes. */
    Q8_0,
    /** Blocks of 256: F32 scale, 256 signed bytes, 16 sums of 16 as signed 16-bit. */
    Q8_K
  }

  private final int blockLength;
  private final Activation activation;

  @SuppressWarnings("ImmutableEnumChecker") // memory layouts are immutable, only not annotated so
  private final StructLayout layout;

  BlockType(int blockLength, Activation activation, MemoryLayout... fields) {
    this.blockLength = blockLength;
    this.activation = activation;
    this.layout = structLayout(fields);
  }

  private static MemoryLayout f16(String name) {
    return JAVA_SHORT_UNALIGNED.withName(name);
  }

  private static MemoryLayout bytes(String name, int count) {
    return sequenceLayout(count, JAVA_BYTE).withName(name);
  }

  /**
   * The fields of one block in memory order.
   *
   * @return a packed struct layout
   */
  public StructLayout layout() {
    return layout;
  }

  /**
   * The activation format of its 8-bit dot product.
   *
   * @return Q8_0 or Q8_K
   */
  public Activation activation() {
    return activation;
  }

  @Override
  public int blockLength() {
    return blockLength;
  }

  @Override
  public int blockBytes() {
    return (int) layout.byteSize();
  }

  @Override
  public boolean isFloating() {
    return true;
  }

  @Override
  public boolean isArithmetic() {
    return false;
  }
}
