package dev.quern.core.io.gguf;

import dev.quern.core.type.FormatException;
import java.util.List;

/**
 * A metadata value together with its exact type in the file.
 *
 * <p>Made by the static methods for writing; read with the typed getters of {@link GgufMetadata}.
 */
public sealed interface GgufValue {

  /**
   * The type in the file.
   *
   * @return ARRAY for arrays
   */
  GgufType type();

  /**
   * A STRING.
   *
   * @param value text
   */
  record Text(String value) implements GgufValue {
    @Override
    public GgufType type() {
      return GgufType.STRING;
    }

    /**
     * The text.
     *
     * @return as it is
     */
    @Override
    public String toString() {
      return value;
    }
  }

  /**
   * An integer of any width.
   *
   * @param type INT8..UINT64
   * @param value the number; the bits of one for UINT64 above 2^63 − 1
   */
  record Int(GgufType type, long value) implements GgufValue {
    /**
     * Checks the range.
     *
     * @throws FormatException if {@code type} is no integer type or cannot hold the value
     */
    public Int {
      if (!type.holds(value)) {
        throw new FormatException("[gguf] a value of type " + type + " cannot be " + value);
      }
    }

    /**
     * The number in decimal.
     *
     * @return unsigned for UINT64
     */
    @Override
    public String toString() {
      return type == GgufType.UINT64 ? Long.toUnsignedString(value) : Long.toString(value);
    }
  }

  /**
   * A floating point number.
   *
   * @param type FLOAT32 or FLOAT64
   * @param value the number
   */
  record Real(GgufType type, double value) implements GgufValue {
    /**
     * Checks the type.
     *
     * @throws FormatException if {@code type} is no floating point type, or the value is no F32
     */
    public Real {
      if (!type.isFloating()
          || (type == GgufType.FLOAT32 && Double.compare((float) value, value) != 0)) {
        throw new FormatException("[gguf] a value of type " + type + " cannot be " + value);
      }
    }

    /**
     * The number in decimal, as short as its type allows.
     *
     * @return for example {@code 1.0E-5}
     */
    @Override
    public String toString() {
      return type == GgufType.FLOAT32 ? Float.toString((float) value) : Double.toString(value);
    }
  }

  /**
   * A BOOL.
   *
   * @param value true or false
   */
  record Bool(boolean value) implements GgufValue {
    @Override
    public GgufType type() {
      return GgufType.BOOL;
    }

    /**
     * The word.
     *
     * @return true or false
     */
    @Override
    public String toString() {
      return Boolean.toString(value);
    }
  }

  /**
   * An array whose elements stay encoded until they are asked for.
   *
   * <p>Arrays of a file end with the file, unless they were decoded before.
   */
  sealed interface Array extends GgufValue permits EncodedArray {
    @Override
    default GgufType type() {
      return GgufType.ARRAY;
    }

    /**
     * The type of all elements.
     *
     * @return ARRAY for nested arrays
     */
    GgufType elementType();

    /**
     * Number of elements.
     *
     * @return 0 or more
     */
    int size();

    /**
     * All elements.
     *
     * @return an immutable list, decoded on this call
     */
    List<GgufValue> values();

    /**
     * All elements of an array of STRING.
     *
     * @return an immutable list, decoded on this call
     * @throws FormatException if the elements are something else
     */
    List<String> strings();

    /**
     * All elements of an array of any integer type.
     *
     * @return a new array
     * @throws FormatException if the elements are something else, or a UINT64 above 2^63 − 1
     */
    long[] longs();

    /**
     * All elements of an array of any integer type.
     *
     * @return a new array
     * @throws FormatException if the elements are something else, or one does not fit in 32 bits
     */
    int[] ints();

    /**
     * All elements of an array of FLOAT32.
     *
     * @return a new array
     * @throws FormatException if the elements are something else
     */
    float[] floats();

    /**
     * All elements of an array of FLOAT32 or FLOAT64.
     *
     * @return a new array
     * @throws FormatException if the elements are something else
     */
    double[] doubles();

    /**
     * All elements of an array of BOOL.
     *
     * @return a new array
     * @throws FormatException if the elements are something else
     */
    boolean[] bools();
  }

  /**
   * A STRING.
   *
   * @param value text
   * @return the value
   */
  static GgufValue of(String value) {
    return new Text(value);
  }

  /**
   * A BOOL.
   *
   * @param value true or false
   * @return the value
   */
  static GgufValue of(boolean value) {
    return new Bool(value);
  }

  /**
   * An integer of a given width.
   *
   * @param type INT8..UINT64
   * @param value the number
   * @return the value
   * @throws FormatException if it does not fit
   */
  static GgufValue of(GgufType type, long value) {
    return new Int(type, value);
  }

  /**
   * A UINT32, the usual type of hyperparameters.
   *
   * @param value 0..2^32 − 1
   * @return the value
   * @throws FormatException if it does not fit
   */
  static GgufValue uint32(long value) {
    return new Int(GgufType.UINT32, value);
  }

  /**
   * An INT32.
   *
   * @param value any
   * @return the value
   */
  static GgufValue int32(int value) {
    return new Int(GgufType.INT32, value);
  }

  /**
   * A FLOAT32.
   *
   * @param value any
   * @return the value
   */
  static GgufValue float32(float value) {
    return new Real(GgufType.FLOAT32, value);
  }

  /**
   * A FLOAT64.
   *
   * @param value any
   * @return the value
   */
  static GgufValue float64(double value) {
    return new Real(GgufType.FLOAT64, value);
  }

  /**
   * An array of STRING.
   *
   * @param values texts
   * @return the value
   */
  static GgufValue.Array strings(List<String> values) {
    return array(GgufType.STRING, values.stream().map(GgufValue::of).toList());
  }

  /**
   * An array of INT32.
   *
   * @param values numbers
   * @return the value
   */
  static GgufValue.Array int32s(int... values) {
    GgufEncoder out = new GgufEncoder();
    for (int v : values) {
      out.int32(v);
    }
    return out.toArray(GgufType.INT32, values.length);
  }

  /**
   * An array of FLOAT32.
   *
   * @param values numbers
   * @return the value
   */
  static GgufValue.Array float32s(float... values) {
    GgufEncoder out = new GgufEncoder();
    for (float v : values) {
      out.int32(Float.floatToRawIntBits(v));
    }
    return out.toArray(GgufType.FLOAT32, values.length);
  }

  /**
   * An array of anything, other arrays too.
   *
   * @param elementType the type of every element
   * @param values the elements
   * @return the value
   * @throws FormatException if an element has another type
   */
  static GgufValue.Array array(GgufType elementType, List<? extends GgufValue> values) {
    GgufEncoder out = new GgufEncoder();
    for (GgufValue v : values) {
      if (v.type() != elementType) {
        throw new FormatException(
            "[gguf] an array of " + elementType + " cannot hold a value of type " + v.type());
      }
      out.value(v);
    }
    return out.toArray(elementType, values.size());
  }
}
