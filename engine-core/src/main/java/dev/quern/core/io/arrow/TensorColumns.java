package dev.quern.core.io.arrow;

import dev.quern.core.io.TensorSource;
import dev.quern.core.io.arrow.ColumnData.Buffer;
import dev.quern.core.io.arrow.ColumnData.Node;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.PendingTensors.Pending;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Tensors as columns: numbers, and fixed-size lists of them. */
final class TensorColumns {
  private static final String ITEM = "item";

  private TensorColumns() {}

  static ColumnData column(
      String name, TensorSpec spec, @Nullable FixedShapeTensor given, TensorSource source) {
    if (spec.shape().rank() == 0) {
      throw new ShapeException(
          "[arrow] column "
              + Blame.quote(name)
              + " is a single value; a column needs an axis that counts its rows");
    }
    Shape inner = spec.shape().slice(1, spec.shape().rank());
    if (given != null && !given.shape().equals(inner)) {
      throw new ShapeException(
          "[arrow] column "
              + Blame.quote(name)
              + " "
              + spec
              + " has rows of shape "
              + inner
              + ", not "
              + given.shape());
    }
    if (given == null && inner.rank() == 0) {
      return numbers(name, spec, source);
    }
    FixedShapeTensor tensor = given == null ? new FixedShapeTensor(inner) : given;
    Map<String, String> metadata =
        Map.of(
            ArrowField.EXTENSION_NAME,
            FixedShapeTensor.NAME,
            ArrowField.EXTENSION_METADATA,
            tensor.json());
    return lists(name, spec, inner.elements(), metadata, source);
  }

  static ColumnData fixedLists(String name, TensorSpec spec, TensorSource source) {
    if (spec.shape().rank() != 2) {
      throw new ShapeException(
          "[arrow] lists "
              + Blame.quote(name)
              + " need the shape [rows, size], not "
              + spec.shape()
              + "; use tensor(...)");
    }
    return lists(name, spec, spec.shape().dim(1), Map.of(), source);
  }

  private static ColumnData numbers(String name, TensorSpec spec, TensorSource source) {
    long n = spec.shape().elements();
    return new ColumnData(
        field(name, type(name, spec), List.of(), Map.of()),
        n,
        List.of(new Node(n, 0)),
        List.of(Buffer.NONE, values(name, spec, source)));
  }

  private static ColumnData lists(
      String name, TensorSpec spec, long size, Map<String, String> metadata, TensorSource source) {
    if (size > Integer.MAX_VALUE) {
      throw new NotSupportedException(
          "[arrow] column "
              + Blame.quote(name)
              + " has rows of "
              + size
              + " elements; Arrow allows 2^31 - 1");
    }
    long rows = spec.shape().dim(0);
    ArrowField item = field(ITEM, type(name, spec), List.of(), Map.of());
    ArrowType.FixedLists type = new ArrowType.FixedLists((int) size);
    return new ColumnData(
        field(name, type, List.of(item), metadata),
        rows,
        List.of(new Node(rows, 0), new Node(spec.shape().elements(), 0)),
        List.of(Buffer.NONE, Buffer.NONE, values(name, spec, source)));
  }

  static ArrowField field(
      String name, ArrowType type, List<ArrowField> children, Map<String, String> metadata) {
    return new ArrowField(name, type, true, children, metadata, null);
  }

  private static Buffer values(String name, TensorSpec spec, TensorSource source) {
    Pending pending = new Pending(name, spec, source);
    if (spec.dtype() == ScalarType.BOOL) {
      long packed = (spec.shape().elements() + 7) / 8;
      return new Buffer(packed, sink -> BitPacker.write(pending, sink));
    }
    return new Buffer(spec.byteSize(), pending::writeTo);
  }

  private static ArrowType type(String name, TensorSpec spec) {
    if (spec.dtype() instanceof ScalarType t) {
      switch (t) {
        case F64, F32, F16 -> {
          return new ArrowType.Floating(8 * t.bytes());
        }
        case I64, I32, I16, I8 -> {
          return new ArrowType.Int(8 * t.bytes(), true);
        }
        case U8 -> {
          return new ArrowType.Int(8, false);
        }
        case BOOL -> {
          return new ArrowType.Bool();
        }
        case BF16, F8_E4M3 -> {}
      }
    }
    throw new NotSupportedException(
        "[arrow] column "
            + Blame.quote(name)
            + " "
            + spec
            + ": Arrow has no such element type; cast to F32 first");
  }
}
