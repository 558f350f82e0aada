package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.DictionaryEncoding;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Reads a schema, within limits: of depth, of fields, and of text and custom metadata, which damage
 * could multiply, because tables and vectors may stand in several places.
 */
final class SchemaReader {
  private static final int MAX_DEPTH = 32;
  private static final int MAX_FIELDS = 1 << 16;
  private static final int PAIR_BYTES = 4; // in the vector alone

  private final Metadata metadata;
  private final TypeReader types;
  private final Map<Long, ArrowField> dictionaries = new HashMap<>();
  private int fields;
  private long characters;
  private long pairs;

  private SchemaReader(Metadata metadata, short version) {
    this.metadata = metadata;
    this.types = new TypeReader(metadata, version);
  }

  /**
   * Reads a schema.
   *
   * @param metadata the message or footer that holds it
   * @param version of the format
   * @param schema the table, or null if there is none
   */
  static ArrowSchema read(Metadata metadata, short version, @Nullable Schema schema) {
    return new SchemaReader(metadata, version).schema(metadata.present(schema, "schema"));
  }

  private ArrowSchema schema(Schema schema) {
    if (schema.endianness() != Endianness.Little) {
      throw metadata
          .blame()
          .unsupported(
              "the data is big-endian, only little-endian is read; write it again on a"
                  + " little-endian machine");
    }
    int n = metadata.count(schema.fieldsLength(), 4, "fields");
    List<ArrowField> list = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      list.add(field(schema.fields(i), 1));
    }
    return new ArrowSchema(list, pairs(schema.customMetadataLength(), schema::customMetadata));
  }

  private ArrowField field(Field f, int depth) {
    if (depth > MAX_DEPTH) {
      throw metadata.error("schema", "columns are nested deeper than " + MAX_DEPTH);
    }
    if (++fields > MAX_FIELDS) {
      throw metadata.error("schema", "there are more than " + MAX_FIELDS + " columns");
    }
    String name = text(f.name());
    int n = metadata.count(f.childrenLength(), 4, "children of column " + Blame.quote(name));
    List<ArrowField> children = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      children.add(field(f.children(i), depth + 1));
    }
    ArrowType type = types.type(f, name, children);
    Map<String, String> pairs = pairs(f.customMetadataLength(), f::customMetadata);
    DictionaryEncoding encoding = f.dictionary();
    if (encoding == null) {
      return new ArrowField(name, type, f.nullable(), children, pairs, null);
    }
    if (encoding.dictionaryKind() != 0) {
      throw metadata.error("dictionary of column " + Blame.quote(name), "is of an unknown kind");
    }
    ArrowField.Dictionary dictionary =
        new ArrowField.Dictionary(
            encoding.id(), index(encoding.indexType(), name), encoding.isOrdered());
    ArrowField field = new ArrowField(name, type, f.nullable(), children, pairs, dictionary);
    ArrowField other = dictionaries.putIfAbsent(encoding.id(), field);
    if (other != null && !(other.type().equals(type) && other.children().equals(children))) {
      throw metadata.error(
          "dictionary " + encoding.id(), "is of two types, " + other + " and " + field);
    }
    return field;
  }

  /** Absent, it is a signed integer of 32 bits. */
  private ArrowType.Int index(@Nullable Int type, String name) {
    return type == null ? new ArrowType.Int(32, true) : types.integer(type, name);
  }

  private interface Pairs {
    KeyValue at(int i);
  }

  private Map<String, String> pairs(int length, Pairs vector) {
    int n = metadata.count(length, PAIR_BYTES, "custom metadata");
    pairs += n;
    if (pairs * PAIR_BYTES > metadata.size()) {
      throw metadata.error("schema", "its lists of custom metadata overlap each other");
    }
    Map<String, String> map = new LinkedHashMap<>();
    for (int i = 0; i < n; i++) {
      KeyValue pair = vector.at(i);
      map.put(text(pair.key()), text(pair.value()));
    }
    return map;
  }

  /** Text that stands once in the message cannot be longer in sum than the message. */
  private String text(@Nullable String text) {
    if (text == null) {
      return "";
    }
    characters += text.length();
    if (characters > metadata.size()) {
      throw metadata.error("schema", "its texts overlap each other");
    }
    return text;
  }
}
