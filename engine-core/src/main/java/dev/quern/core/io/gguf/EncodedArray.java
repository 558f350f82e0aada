package dev.quern.core.io.gguf;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.type.FormatException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/**
 * An array in its encoded form, in a file or on the heap: what was read is checked, but decoded
 * only when it is asked for, so that a vocabulary costs nothing to those who do not want it.
 */
final class EncodedArray implements GgufValue.Array {
  private final Blame blame;
  private final String label;
  private final Supplier<MemorySegment> source;
  private final long offset;
  private final long byteSize;
  private final GgufType elementType;
  private final int size;

  /**
   * An array whose encoding was checked.
   *
   * @param blame names the file in errors
   * @param label names the key in errors
   * @param source the bytes around it; throws once the file is closed
   * @param offset where the first element begins
   * @param byteSize length of all elements
   * @param elementType type of all elements
   * @param size number of elements
   */
  EncodedArray(
      Blame blame,
      String label,
      Supplier<MemorySegment> source,
      long offset,
      long byteSize,
      GgufType elementType,
      int size) {
    this.blame = blame;
    this.label = label;
    this.source = source;
    this.offset = offset;
    this.byteSize = byteSize;
    this.elementType = elementType;
    this.size = size;
  }

  @Override
  public GgufType elementType() {
    return elementType;
  }

  @Override
  public int size() {
    return size;
  }

  /** The elements as they stand in the file. */
  MemorySegment encoded() {
    return source.get().asSlice(offset, byteSize);
  }

  private ByteCursor cursor() {
    return new ByteCursor(blame, source.get(), offset, offset + byteSize);
  }

  private FormatException wrongType(String wanted) {
    return blame.at(
        offset, label, "is an array of " + elementType + "; an array of " + wanted + " is needed");
  }

  @Override
  public List<GgufValue> values() {
    ValueReader reader = new ValueReader(blame, cursor(), source);
    GgufValue[] v = new GgufValue[size];
    for (int i = 0; i < size; i++) {
      v[i] = reader.read(label, elementType);
    }
    return List.of(v);
  }

  @Override
  public List<String> strings() {
    if (elementType != GgufType.STRING) {
      throw wrongType("STRING");
    }
    ByteCursor in = cursor();
    String[] v = new String[size];
    for (int i = 0; i < size; i++) {
      v[i] = in.utf8((int) in.count(label, 1, ValueReader.MAX_ARRAY_TEXT_BYTES), label);
    }
    return List.of(v);
  }

  @Override
  public long[] longs() {
    if (!elementType.isInteger()) {
      throw wrongType("integers");
    }
    ByteCursor in = cursor();
    long[] v = new long[size];
    for (int i = 0; i < size; i++) {
      v[i] = ValueReader.integer(in, label, elementType);
      if (elementType == GgufType.UINT64 && v[i] < 0) {
        throw blame.at(in.position() - 8, label, "element " + i + " is above 2^63 - 1");
      }
    }
    return v;
  }

  @Override
  public int[] ints() {
    long[] wide = longs();
    int[] v = new int[size];
    for (int i = 0; i < size; i++) {
      v[i] = (int) wide[i];
      if (v[i] != wide[i]) {
        throw blame.at(
            offset + (long) i * elementType.bytes(),
            label,
            "element " + i + " is " + wide[i] + ", which does not fit in 32 bits");
      }
    }
    return v;
  }

  @Override
  public float[] floats() {
    if (elementType != GgufType.FLOAT32) {
      throw wrongType("FLOAT32");
    }
    ByteCursor in = cursor();
    float[] v = new float[size];
    for (int i = 0; i < size; i++) {
      v[i] = Float.intBitsToFloat(in.i32(label));
    }
    return v;
  }

  @Override
  public double[] doubles() {
    if (!elementType.isFloating()) {
      throw wrongType("FLOAT32 or FLOAT64");
    }
    ByteCursor in = cursor();
    double[] v = new double[size];
    for (int i = 0; i < size; i++) {
      v[i] = ValueReader.real(in, label, elementType);
    }
    return v;
  }

  @Override
  public boolean[] bools() {
    if (elementType != GgufType.BOOL) {
      throw wrongType("BOOL");
    }
    ByteCursor in = cursor();
    boolean[] v = new boolean[size];
    for (int i = 0; i < size; i++) {
      v[i] = in.u8(label) != 0;
    }
    return v;
  }

  /** Whether the other is an array of the same type with the same encoding. */
  @Override
  public boolean equals(Object o) {
    return o instanceof EncodedArray a
        && a.elementType == elementType
        && a.size == size
        && encoded().mismatch(a.encoded()) < 0;
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(new int[] {elementType.id(), size, Long.hashCode(byteSize)});
  }

  @Override
  public String toString() {
    return elementType.name().toLowerCase(Locale.ROOT) + "[" + size + "]";
  }
}
