package dev.quern.core.io.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.quern.core.type.NotSupportedException;
import java.util.Map;
import java.util.TreeMap;
import org.apache.arrow.flatbuf.Bool;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Utf8;

/** Writes a schema of the types that {@link ArrowColumns} makes. */
final class SchemaEncoder {
  private final FlatBufferBuilder out;

  SchemaEncoder(FlatBufferBuilder out) {
    this.out = out;
  }

  int schema(ArrowSchema schema) {
    int[] fields = schema.fields().stream().mapToInt(this::field).toArray();
    int vector = Schema.createFieldsVector(out, fields);
    int metadata = 0;
    if (!schema.metadata().isEmpty()) {
      metadata = Schema.createCustomMetadataVector(out, pairs(schema.metadata()));
    }
    return Schema.createSchema(out, Endianness.Little, vector, metadata, 0);
  }

  private int field(ArrowField f) {
    int[] children = f.children().stream().mapToInt(this::field).toArray();
    // Readers expect the vector, empty or not.
    int vector = Field.createChildrenVector(out, children);
    int metadata = 0;
    if (!f.metadata().isEmpty()) {
      metadata = Field.createCustomMetadataVector(out, pairs(f.metadata()));
    }
    int name = out.createString(f.name());
    int type = type(f.type());
    return Field.createField(out, name, f.nullable(), kind(f.type()), type, 0, vector, metadata);
  }

  private int[] pairs(Map<String, String> pairs) {
    // Sorted, so that the same schema has the same bytes.
    return new TreeMap<>(pairs)
        .entrySet().stream()
            .mapToInt(
                e -> {
                  int key = out.createString(e.getKey());
                  return KeyValue.createKeyValue(out, key, out.createString(e.getValue()));
                })
            .toArray();
  }

  private static byte kind(ArrowType type) {
    return switch (type) {
      case ArrowType.Int _ -> Type.Int;
      case ArrowType.Floating _ -> Type.FloatingPoint;
      case ArrowType.Bool _ -> Type.Bool;
      case ArrowType.Binary _ -> Type.Utf8;
      case ArrowType.Lists _ -> Type.List;
      case ArrowType.FixedLists _ -> Type.FixedSizeList;
      default -> throw unwritten(type);
    };
  }

  private int type(ArrowType type) {
    return switch (type) {
      case ArrowType.Int t -> Int.createInt(out, t.bits(), t.signed());
      case ArrowType.Floating t -> FloatingPoint.createFloatingPoint(out, precision(t.bits()));
      case ArrowType.FixedLists t -> FixedSizeList.createFixedSizeList(out, t.size());
      case ArrowType.Bool _ -> {
        Bool.startBool(out);
        yield Bool.endBool(out);
      }
      case ArrowType.Binary _ -> {
        Utf8.startUtf8(out);
        yield Utf8.endUtf8(out);
      }
      case ArrowType.Lists _ -> {
        org.apache.arrow.flatbuf.List.startList(out);
        yield org.apache.arrow.flatbuf.List.endList(out);
      }
      default -> throw unwritten(type);
    };
  }

  private static short precision(int bits) {
    return bits == 16 ? Precision.HALF : bits == 32 ? Precision.SINGLE : Precision.DOUBLE;
  }

  private static NotSupportedException unwritten(ArrowType type) {
    return new NotSupportedException("[arrow] columns of type " + type + " are not written");
  }
}
