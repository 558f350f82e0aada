package dev.quern.kernels.cuda.launch;

import dev.quern.kernels.cuda.driver.CudaDriver;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Lays out the one struct that a kernel takes, field by field, as C does: each at the next multiple
 * of its own alignment, the whole a multiple of the largest.
 *
 * {@snippet :
 * MemorySegment p = new Params().address(x.segment()).int64(n).float32(eps).build();
 * }
 */
public final class Params {
  private static final int MOST_ALIGNMENT = 128;

  private static final int USUAL_BYTES = 512;

  private byte[] bytes = new byte[USUAL_BYTES];
  private int size;
  private int alignment = 1;

  /** An empty struct. */
  public Params() {}

  /**
   * A pointer.
   *
   * @param memory on the device, or pinned
   * @return this
   */
  public Params address(MemorySegment memory) {
    return address(memory.address());
  }

  /**
   * A pointer.
   *
   * @param address on the device, or of pinned memory; 0 for none
   * @return this
   */
  public Params address(long address) {
    return int64(address);
  }

  /**
   * An {@code int}.
   *
   * @param value its value
   * @return this
   */
  public Params int32(int value) {
    return number(Integer.BYTES, value);
  }

  /**
   * A {@code long long}.
   *
   * @param value its value
   * @return this
   */
  public Params int64(long value) {
    return number(Long.BYTES, value);
  }

  /**
   * A {@code float}.
   *
   * @param value its value
   * @return this
   */
  public Params float32(float value) {
    return number(Float.BYTES, Float.floatToRawIntBits(value));
  }

  /**
   * A {@code double}.
   *
   * @param value its value
   * @return this
   */
  public Params float64(double value) {
    return number(Double.BYTES, Double.doubleToRawLongBits(value));
  }

  /**
   * An array of {@code long long}.
   *
   * @param values its elements
   * @return this
   */
  public Params int64s(long... values) {
    for (long v : values) {
      int64(v);
    }
    return this;
  }

  /**
   * A member of any type.
   *
   * @param member its bytes
   * @param align its alignment, a power of two up to 128
   * @return this
   */
  public Params bytes(byte[] member, int align) {
    if (Integer.bitCount(align) != 1 || align > MOST_ALIGNMENT) {
      throw new IllegalArgumentException(
          "[params] alignment " + align + " is no power of two up to " + MOST_ALIGNMENT);
    }
    return put(align, member);
  }

  /**
   * The struct.
   *
   * @return its bytes, on the heap, a multiple of the largest alignment
   * @throws IllegalArgumentException if it is larger than a kernel takes
   */
  public MemorySegment build() {
    pad(alignment);
    if (size > CudaDriver.MOST_PARAMETER_BYTES) {
      throw new IllegalArgumentException(
          "[params] a kernel takes at most %d bytes, not %d; put tables into device memory"
              .formatted(CudaDriver.MOST_PARAMETER_BYTES, size));
    }
    long[] words = new long[Math.max(1, Math.ceilDiv(size, Long.BYTES))];
    MemorySegment struct = MemorySegment.ofArray(words).asSlice(0, Math.max(1, size));
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, struct, 0, size);
    return struct;
  }

  /** Little-endian, as devices are. */
  private Params number(int length, long bits) {
    room(length, length);
    for (int i = 0; i < length; i++) {
      bytes[size + i] = (byte) (bits >>> (Byte.SIZE * i));
    }
    size += length;
    return this;
  }

  private Params put(int align, byte... member) {
    room(align, member.length);
    System.arraycopy(member, 0, bytes, size, member.length);
    size += member.length;
    return this;
  }

  private void room(int align, int length) {
    alignment = Math.max(alignment, align);
    pad(align);
    if (size + length > bytes.length) {
      bytes = Arrays.copyOf(bytes, 2 * (size + length));
    }
  }

  /** What is skipped is zero. */
  private void pad(int align) {
    size += -size & (align - 1);
    if (size > bytes.length) {
      bytes = Arrays.copyOf(bytes, 2 * size);
    }
  }
}
