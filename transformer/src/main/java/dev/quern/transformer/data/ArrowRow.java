package dev.quern.transformer.data;

import dev.quern.core.io.arrow.ArrowBatch;
import dev.quern.core.io.arrow.ArrowColumn;
import dev.quern.core.io.arrow.BoolColumn;
import dev.quern.core.io.arrow.DictionaryColumn;
import dev.quern.core.io.arrow.ListColumn;
import dev.quern.core.io.arrow.NumberColumn;
import dev.quern.core.io.arrow.TextColumn;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import java.util.List;
import java.util.function.Supplier;

/**
 * A row of an Arrow file. It looks at the file's memory and is of no use after the file was closed.
 *
 * <p>Dictionary-encoded texts can be read as texts and as whole numbers, which are their indices;
 * truth values are the whole numbers 0 and 1.
 */
public final class ArrowRow implements Row {
  private final String place;
  private final ArrowBatch batch;
  private final long row;

  ArrowRow(String place, ArrowBatch batch, long row) {
    this.place = place;
    this.batch = batch;
    this.row = row;
  }

  @Override
  public boolean has(String field) {
    for (ArrowColumn column : batch.columns()) {
      if (column.field().name().equals(field)) {
        return !column.isNull(row);
      }
    }
    return false;
  }

  @Override
  public String text(String field) {
    String wanted = "a text";
    return switch (need(field, wanted)) {
      case TextColumn c -> read(field, wanted, () -> text(field, c));
      case DictionaryColumn c -> read(field, wanted, () -> text(field, c.texts()));
      default -> throw wrong(field, wanted);
    };
  }

  private String text(String field, TextColumn column) {
    String text = column.text(row);
    if (text == null) {
      throw new FormatException(
          "%s: %s: need a text, and its value in the dictionary is null".formatted(place, field));
    }
    return text;
  }

  @Override
  public int integer(String field) {
    String wanted = "a whole number of 32 bits";
    long value =
        switch (need(field, wanted)) {
          case NumberColumn c -> read(field, wanted, () -> c.longAt(row));
          case DictionaryColumn c -> read(field, wanted, () -> c.index(row));
          case BoolColumn c -> c.get(row) ? 1 : 0;
          default -> throw wrong(field, wanted);
        };
    if (value != (int) value) {
      throw new FormatException("%s: %s: need %s, found %d".formatted(place, field, wanted, value));
    }
    return (int) value;
  }

  @Override
  public double number(String field) {
    if (need(field, "a number") instanceof NumberColumn c) {
      return read(field, "a number", () -> c.doubleAt(row));
    }
    throw wrong(field, "a number");
  }

  @Override
  public int[] integers(String field) {
    String wanted = "a list of whole numbers of 32 bits";
    if (need(field, wanted) instanceof ListColumn c) {
      return read(field, wanted, () -> c.ints(row));
    }
    throw wrong(field, wanted);
  }

  /** The column of a field that has a value. */
  private ArrowColumn need(String field, String wanted) {
    if (!has(field)) {
      List<String> names = batch.columns().stream().map(c -> c.field().name()).toList();
      throw new FormatException(
          "%s: %s is missing; need %s (there are %s)"
              .formatted(place, field, wanted, String.join(", ", names)));
    }
    return batch.column(field);
  }

  /** A value, with this row's place in its errors. */
  private <T> T read(String field, String wanted, Supplier<T> value) {
    try {
      return value.get();
    } catch (DTypeException | IndexException | NotSupportedException e) {
      throw new FormatException(
          "%s: %s: need %s: %s".formatted(place, field, wanted, e.getMessage()), e);
    }
  }

  private FormatException wrong(String field, String wanted) {
    return new FormatException(
        "%s: %s: need %s, found %s"
            .formatted(place, field, wanted, batch.column(field).field().typeName()));
  }

  /** Where it stands. */
  @Override
  public String toString() {
    return place;
  }
}
