package dev.quern.core.io.arrow;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/** The files that make_arrow.py wrote with pyarrow, and a reader of everything in a file. */
final class Fixtures {
  private Fixtures() {}

  static Path path(String name) {
    try {
      return Path.of(Objects.requireNonNull(Fixtures.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static byte[] bytes(String name) {
    try {
      return Files.readAllBytes(path(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Opens a file and asks for every value in it. */
  static void readAll(Path path) {
    try (ArrowFile file = ArrowFile.open(path)) {
      for (int b = 0; b < file.batches(); b++) {
        file.batch(b).columns().forEach(Fixtures::readAll);
      }
    }
  }

  private static void readAll(ArrowColumn column) {
    // Columns without memory, as those of nulls, may be of any length.
    long rows = Math.min(column.length(), 1000);
    switch (column) {
      case OpaqueColumn c -> assertFalse(c.toString().isEmpty());
      case StructColumn c -> c.children().forEach(Fixtures::readAll);
      case DictionaryColumn c -> {
        c.dictionary().forEach(Fixtures::readAll);
        for (long r = 0; r < rows; r++) {
          if (!c.isNull(r)) {
            c.index(r);
          }
        }
        if (c.field().type() instanceof ArrowType.Binary) {
          readAll(c.texts());
        }
      }
      default -> {
        if (column instanceof ListColumn c) {
          readAll(c.values());
        }
        for (long r = 0; r < rows; r++) {
          if (!column.isNull(r)) {
            value(column, r);
          }
        }
        storage(column);
      }
    }
  }

  private static void value(ArrowColumn column, long r) {
    switch (column) {
      case NumberColumn c -> c.doubleAt(r);
      case BoolColumn c -> c.get(r);
      case TextColumn c -> {
        if (c.field().type() instanceof ArrowType.Binary t && t.text()) {
          c.text(r);
        } else {
          c.bytes(r);
        }
      }
      case ListColumn c -> c.end(r);
      default -> throw new AssertionError(column);
    }
  }

  private static void storage(ArrowColumn column) {
    if (column.length() < 1000 && column.nullCount() == 0) {
      try {
        var segment = column.storage().segment();
        if (segment.byteSize() > 0) {
          segment.get(java.lang.foreign.ValueLayout.JAVA_BYTE, segment.byteSize() - 1);
        }
      } catch (dev.quern.core.type.NotSupportedException e) {
        return; // not every column is a tensor
      }
    }
  }
}
