package dev.quern.kernels.cuda.launch;

import dev.quern.kernels.cuda.driver.CudaDriver;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Lays out the one struct that a kernel takes, field by field, as C does: each at the next multiple
 * of its own alignment, the whole a multiple of the largest.
 *
 * {@snippet :
 * MemorySegment p = new Params().address(x.segment()).int64(n).float32(eps).build();
 * }
 */
public final class Params {
  private static final int SEGMENT_ALIGNMENT = 128;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
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
    if (Integer.bitCount(align) != 1 || align > SEGMENT_ALIGNMENT) {
      throw new IllegalArgumentException(
          "[params] alignment " + align + " is no power of two up to " + SEGMENT_ALIGNMENT);
    }
    return put(align, member);
  }

  /**
   * The struct.
   *
   * @return its bytes, in memory of their own, a multiple of the largest alignment
   * @throws IllegalArgumentException if it is larger than a kernel takes
   */
  public MemorySegment build() {
    pad(alignment);
    byte[] all = bytes.toByteArray();
    if (all.length > CudaDriver.MOST_PARAMETER_BYTES) {
      throw new IllegalArgumentException(
          "[params] a kernel takes at most %d bytes, not %d; put tables into device memory"
              .formatted(CudaDriver.MOST_PARAMETER_BYTES, all.length));
    }
    MemorySegment struct = Arena.ofAuto().allocate(Math.max(1, all.length), SEGMENT_ALIGNMENT);
    MemorySegment.copy(MemorySegment.ofArray(all), 0, struct, 0, all.length);
    return struct;
  }

  /** Little-endian, as devices are. */
  private Params number(int size, long bits) {
    byte[] member = new byte[size];
    for (int i = 0; i < size; i++) {
      member[i] = (byte) (bits >>> (Byte.SIZE * i));
    }
    return put(size, member);
  }

  private Params put(int align, byte... member) {
    alignment = Math.max(alignment, align);
    pad(align);
    bytes.writeBytes(member);
    return this;
  }

  private void pad(int align) {
    while (bytes.size() % align != 0) {
      bytes.write(0);
    }
  }
}
