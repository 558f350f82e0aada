package dev.quern.transformer.data;

import dev.quern.core.memory.MappedFile;
import dev.quern.core.type.FormatException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/**
 * The lines of a UTF-8 file, without their line ends (line feed, with or without a carriage return
 * before it). The file is mapped; opening reads it through once for the line feeds and remembers
 * every sixteenth line, half a byte for each.
 *
 * <p>Safe to share between threads. Closing it unmaps the file: close what reads it first.
 */
public final class TextLines implements Dataset<String>, AutoCloseable {
  private static final int STRIDE = 16;
  private static final long MOST_BYTES = 1L << 30;

  private final MappedFile file;
  private final MemorySegment bytes;
  private long[] starts = new long[16];
  private long lines;

  private TextLines(MappedFile file) {
    this.file = file;
    this.bytes = file.bytes();
    long start = 0;
    while (start < bytes.byteSize()) {
      if (lines % STRIDE == 0) {
        int index = (int) (lines / STRIDE);
        if (index == starts.length) {
          starts = Arrays.copyOf(starts, 2 * index);
        }
        starts[index] = start;
      }
      lines++;
      start = end(start) + 1;
    }
  }

  /**
   * Maps a file and counts its lines.
   *
   * @param path a UTF-8 text; that is checked line by line, when they are read
   * @return the lines
   * @throws java.io.UncheckedIOException if it can't be read
   */
  public static TextLines open(Path path) {
    MappedFile file = MappedFile.open(path);
    try {
      return new TextLines(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  @Override
  public long size() {
    return lines;
  }

  /**
   * A line.
   *
   * @param index 0 for the first
   * @return without its line end
   * @throws FormatException if it is not UTF-8, with the byte's offset in the file
   */
  @Override
  public String get(long index) {
    long start = starts[(int) (Objects.checkIndex(index, lines) / STRIDE)];
    for (long skip = index % STRIDE; skip > 0; skip--) {
      start = end(start) + 1;
    }
    long end = end(start);
    if (end > start && bytes.get(ValueLayout.JAVA_BYTE, end - 1) == '\r') {
      end--;
    }
    if (end - start > MOST_BYTES) {
      throw new FormatException(
          "%s: line %d has %d bytes; %d are the most, cut it"
              .formatted(path(), index + 1, end - start, MOST_BYTES));
    }
    return Utf8.decode(path(), start, bytes.asSlice(start, end - start).asByteBuffer());
  }

  /** Where the line feed of a line is, or the end of the file. */
  private long end(long start) {
    long at = start;
    long size = bytes.byteSize();
    while (at < size && bytes.get(ValueLayout.JAVA_BYTE, at) != '\n') {
      at++;
    }
    return at;
  }

  /**
   * The file.
   *
   * @return as it was given
   */
  public Path path() {
    return file.path();
  }

  @Override
  public void close() {
    file.close();
  }
}
