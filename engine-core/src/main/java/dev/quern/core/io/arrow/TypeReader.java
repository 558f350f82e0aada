package dev.quern.core.io.arrow;

import static dev.quern.core.io.arrow.ArrowType.Offsets.INT32;
import static dev.quern.core.io.arrow.ArrowType.Offsets.INT64;
import static dev.quern.core.io.arrow.ArrowType.Offsets.VIEW;

import com.google.flatbuffers.Table;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import java.util.List;
import java.util.function.Supplier;
import org.apache.arrow.flatbuf.Date;
import org.apache.arrow.flatbuf.DateUnit;
import org.apache.arrow.flatbuf.Duration;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeBinary;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Interval;
import org.apache.arrow.flatbuf.IntervalUnit;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Time;
import org.apache.arrow.flatbuf.TimeUnit;
import org.apache.arrow.flatbuf.Timestamp;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;

/** Reads the type of a field, and checks that the field's children suit it. */
final class TypeReader {
  private static final String[] UNITS = {"s", "ms", "us", "ns"};

  private final Metadata metadata;
  private final short version;

  TypeReader(Metadata metadata, short version) {
    this.metadata = metadata;
    this.version = version;
  }

  ArrowType type(Field f, String name, List<ArrowField> children) {
    ArrowType type = read(f, name);
    int wanted =
        switch (type) {
          case ArrowType.Lists _, ArrowType.FixedLists _, ArrowType.Maps _ -> 1;
          case ArrowType.Struct _ -> children.size();
          case ArrowType.Other o -> o.buffers() > 0 && !isNested(f) ? 0 : children.size();
          default -> 0;
        };
    if (children.size() != wanted) {
      throw error(name, type + " has " + children.size() + " children instead of " + wanted);
    }
    return type;
  }

  private static boolean isNested(Field f) {
    byte t = f.typeType();
    return t == Type.Union || t == Type.ListView || t == Type.LargeListView;
  }

  private ArrowType read(Field f, String name) {
    return switch (f.typeType()) {
      case Type.Null -> new ArrowType.Null();
      case Type.Bool -> new ArrowType.Bool();
      case Type.Struct_ -> new ArrowType.Struct();
      case Type.Map -> new ArrowType.Maps();
      case Type.List -> new ArrowType.Lists(INT32);
      case Type.LargeList -> new ArrowType.Lists(INT64);
      case Type.Utf8 -> new ArrowType.Binary(true, INT32);
      case Type.LargeUtf8 -> new ArrowType.Binary(true, INT64);
      case Type.Utf8View -> new ArrowType.Binary(true, VIEW);
      case Type.Binary -> new ArrowType.Binary(false, INT32);
      case Type.LargeBinary -> new ArrowType.Binary(false, INT64);
      case Type.BinaryView -> new ArrowType.Binary(false, VIEW);
      case Type.Int -> integer(table(f, Int::new, name), name);
      case Type.FloatingPoint -> floating(table(f, FloatingPoint::new, name), name);
      case Type.FixedSizeBinary -> {
        int width = table(f, FixedSizeBinary::new, name).byteWidth();
        yield new ArrowType.FixedBinary(natural(width, name));
      }
      case Type.FixedSizeList -> {
        int size = table(f, FixedSizeList::new, name).listSize();
        yield new ArrowType.FixedLists(natural(size, name));
      }
      case Type.Date, Type.Time, Type.Timestamp, Type.Duration, Type.Interval -> time(f, name);
      case Type.Decimal -> new ArrowType.Other("Decimal", 2);
      case Type.Union -> new ArrowType.Other("Union", unionBuffers(table(f, Union::new, name)));
      case Type.RunEndEncoded -> new ArrowType.Other("RunEndEncoded", 0);
      case Type.ListView -> new ArrowType.Other("ListView", 3);
      case Type.LargeListView -> new ArrowType.Other("LargeListView", 3);
      default -> throw error(name, "the type " + f.typeType() + " is unknown");
    };
  }

  private int unionBuffers(Union union) {
    int own = union.mode() == UnionMode.Dense ? 2 : 1;
    return version < MetadataVersion.V5 ? own + 1 : own; // older ones have a validity too
  }

  ArrowType.Int integer(Int t, String name) {
    int bits = t.bitWidth();
    if (bits != 8 && bits != 16 && bits != 32 && bits != 64) {
      throw error(name, "integers of " + bits + " bits");
    }
    return new ArrowType.Int(bits, t.isSigned());
  }

  private ArrowType floating(FloatingPoint t, String name) {
    return switch (t.precision()) {
      case Precision.HALF -> new ArrowType.Floating(16);
      case Precision.SINGLE -> new ArrowType.Floating(32);
      case Precision.DOUBLE -> new ArrowType.Floating(64);
      default -> throw error(name, "the precision " + t.precision() + " is unknown");
    };
  }

  private ArrowType time(Field f, String name) {
    return switch (f.typeType()) {
      case Type.Date ->
          table(f, Date::new, name).unit() == DateUnit.DAY
              ? new ArrowType.Temporal("date32[day]", 32)
              : new ArrowType.Temporal("date64[ms]", 64);
      case Type.Time -> {
        Time t = table(f, Time::new, name);
        int bits = t.unit() <= TimeUnit.MILLISECOND ? 32 : 64;
        if (t.bitWidth() != bits) {
          throw error(name, "a time of day of " + t.bitWidth() + " bits instead of " + bits);
        }
        yield new ArrowType.Temporal("time" + bits + unit(t.unit(), name), bits);
      }
      case Type.Timestamp -> {
        short unit = table(f, Timestamp::new, name).unit();
        yield new ArrowType.Temporal("timestamp" + unit(unit, name), 64);
      }
      case Type.Duration -> {
        short unit = table(f, Duration::new, name).unit();
        yield new ArrowType.Temporal("duration" + unit(unit, name), 64);
      }
      default ->
          table(f, Interval::new, name).unit() == IntervalUnit.YEAR_MONTH
              ? new ArrowType.Temporal("month_interval", 32)
              : new ArrowType.Other("Interval", 2);
    };
  }

  private String unit(short unit, String name) {
    if (unit < 0 || unit >= UNITS.length) {
      throw error(name, "the unit of time " + unit + " is unknown");
    }
    return "[" + UNITS[unit] + "]";
  }

  private int natural(int n, String name) {
    if (n < 0) {
      throw error(name, "a length of " + n);
    }
    return n;
  }

  @SuppressWarnings("unchecked") // Field.type fills the table that it is given
  private <T extends Table> T table(Field f, Supplier<T> empty, String name) {
    return (T) metadata.present(f.type(empty.get()), "type of column " + Blame.quote(name));
  }

  private FormatException error(String name, String detail) {
    return metadata.error("type of column " + Blame.quote(name), detail);
  }
}
