package dev.quern.core.io.gguf;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The key-value pairs of a GGUF file, in their order. Immutable.
 *
 * <p>Each typed getter throws a {@link FormatException} that names key, wanted and found type; the
 * two-argument forms answer a missing key with the fallback, and a wrong type still with the
 * exception. Single values stay usable after the file is closed; arrays are decoded on request and
 * must be asked for before.
 */
public final class GgufMetadata {
  private final Blame blame;
  private final Map<String, GgufValue> values;

  GgufMetadata(Blame blame, Map<String, GgufValue> values) {
    this.blame = blame;
    this.values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /**
   * All pairs.
   *
   * @return immutable, in the order of the file
   */
  public Map<String, GgufValue> asMap() {
    return values;
  }

  /**
   * Whether there is a key.
   *
   * @param key any key
   * @return true if there is
   */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /**
   * A value of any type.
   *
   * @param key any key
   * @return the value, empty if there is no such key
   */
  public Optional<GgufValue> find(String key) {
    return Optional.ofNullable(values.get(key));
  }

  /**
   * A STRING.
   *
   * @param key its key
   * @return the text
   * @throws FormatException if the key is missing or has another type
   */
  public String string(String key) {
    if (need(key, "STRING") instanceof GgufValue.Text t) {
      return t.value();
    }
    throw wrongType(key, "STRING");
  }

  /**
   * A STRING that may be missing.
   *
   * @param key its key
   * @param fallback taken if the key is missing
   * @return the text
   * @throws FormatException if the key has another type
   */
  public String string(String key, String fallback) {
    return has(key) ? string(key) : fallback;
  }

  /**
   * An integer of any width.
   *
   * @param key its key
   * @return the number
   * @throws FormatException if the key is missing, has another type, or exceeds 2^63 − 1
   */
  public long integer(String key) {
    if (!(need(key, "integer") instanceof GgufValue.Int i)) {
      throw wrongType(key, "integer");
    }
    if (i.type() == GgufType.UINT64 && i.value() < 0) {
      throw blame.whole("metadata key " + Blame.quote(key) + " is " + i + ", above 2^63 - 1");
    }
    return i.value();
  }

  /**
   * An integer of any width that may be missing.
   *
   * @param key its key
   * @param fallback taken if the key is missing
   * @return the number
   * @throws FormatException if the key has another type or exceeds 2^63 − 1
   */
  public long integer(String key, long fallback) {
    return has(key) ? integer(key) : fallback;
  }

  /**
   * A FLOAT32 or FLOAT64.
   *
   * @param key its key
   * @return the number
   * @throws FormatException if the key is missing or has another type
   */
  public double floating(String key) {
    if (need(key, "FLOAT32 or FLOAT64") instanceof GgufValue.Real r) {
      return r.value();
    }
    throw wrongType(key, "FLOAT32 or FLOAT64");
  }

  /**
   * A FLOAT32 or FLOAT64 that may be missing.
   *
   * @param key its key
   * @param fallback taken if the key is missing
   * @return the number
   * @throws FormatException if the key has another type
   */
  public double floating(String key, double fallback) {
    return has(key) ? floating(key) : fallback;
  }

  /**
   * A BOOL.
   *
   * @param key its key
   * @return true or false
   * @throws FormatException if the key is missing or has another type
   */
  public boolean bool(String key) {
    if (need(key, "BOOL") instanceof GgufValue.Bool b) {
      return b.value();
    }
    throw wrongType(key, "BOOL");
  }

  /**
   * A BOOL that may be missing.
   *
   * @param key its key
   * @param fallback taken if the key is missing
   * @return true or false
   * @throws FormatException if the key has another type
   */
  public boolean bool(String key, boolean fallback) {
    return has(key) ? bool(key) : fallback;
  }

  /**
   * An array of anything.
   *
   * @param key its key
   * @return the array, not decoded
   * @throws FormatException if the key is missing or no array
   */
  public GgufValue.Array array(String key) {
    if (need(key, "ARRAY") instanceof GgufValue.Array a) {
      return a;
    }
    throw wrongType(key, "ARRAY");
  }

  /**
   * An array of STRING.
   *
   * @param key its key
   * @return immutable, decoded on this call: keep it
   * @throws FormatException if the key is missing or has another type
   */
  public List<String> strings(String key) {
    return array(key).strings();
  }

  /**
   * An array of integers of any width.
   *
   * @param key its key
   * @return a new array
   * @throws FormatException if the key is missing, has another type, or a number needs 33 bits
   */
  public int[] ints(String key) {
    return array(key).ints();
  }

  /**
   * An array of FLOAT32.
   *
   * @param key its key
   * @return a new array
   * @throws FormatException if the key is missing or has another type
   */
  public float[] floats(String key) {
    return array(key).floats();
  }

  private GgufValue need(String key, String wanted) {
    GgufValue v = values.get(key);
    if (v == null) {
      throw blame.whole(
          "metadata key "
              + Blame.quote(key)
              + " is missing; a value of type "
              + wanted
              + " is needed");
    }
    return v;
  }

  private FormatException wrongType(String key, String wanted) {
    GgufValue v = values.get(key);
    String found =
        v instanceof GgufValue.Array a
            ? "an array of " + a.elementType()
            : String.valueOf(v == null ? null : v.type());
    return blame.whole(
        "metadata key " + Blame.quote(key) + " is " + found + "; " + wanted + " is needed");
  }

  /**
   * All pairs, arrays shortened.
   *
   * @return for logs
   */
  @Override
  public String toString() {
    return values.toString();
  }
}
