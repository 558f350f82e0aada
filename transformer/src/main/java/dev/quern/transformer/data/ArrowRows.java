package dev.quern.transformer.data;

import dev.quern.core.io.arrow.ArrowBatch;
import dev.quern.core.io.arrow.ArrowField;
import dev.quern.core.io.arrow.ArrowFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.stream.Stream;

/**
 * The rows of Arrow files and streams, such as the caches of Hugging Face's {@code datasets}: of
 * one file, or of several that follow one another. They are mapped; a row is read when it is asked
 * for.
 *
 * {@snippet :
 * try (ArrowRows rows = ArrowRows.open(Path.of("train"))) { // the folder of save_to_disk
 *   Dataset<String> texts = rows.map(row -> row.text("text"));
 * }
 * }
 *
 * <p>Safe to share between threads. Closing it unmaps the files: close what reads it first.
 */
public final class ArrowRows implements Dataset<ArrowRow>, AutoCloseable {
  private final List<Part> parts;
  private final long[] ends;

  /** A file, with those of its batches that were asked for. */
  private record Part(ArrowFile file, AtomicReferenceArray<ArrowBatch> batches) {
    static Part open(Path path) {
      ArrowFile file = ArrowFile.open(path);
      return new Part(file, new AtomicReferenceArray<>(file.batches()));
    }

    ArrowRow row(long index) {
      int number = file.batchOf(index);
      ArrowBatch batch = batches.get(number);
      if (batch == null) {
        batch = file.batch(number); // a thread that comes at the same time makes it again
        batches.set(number, batch);
      }
      return new ArrowRow(file.name() + ": row " + index, batch, index - batch.firstRow());
    }
  }

  private ArrowRows(List<Part> parts) {
    this.parts = List.copyOf(parts);
    this.ends = new long[parts.size()];
    long end = 0;
    for (int i = 0; i < ends.length; i++) {
      end += parts.get(i).file.rows();
      ends[i] = end;
    }
  }

  /**
   * Maps a file, or the files of a folder.
   *
   * @param path an Arrow file or stream, or a folder of files called {@code .arrow}, which are
   *     taken in the order of their names
   * @return the rows
   * @throws dev.quern.core.type.FormatException if it is something else, or damaged
   * @throws dev.quern.core.type.NotSupportedException if it is compressed or big-endian, or if the
   *     library that reads Arrow's metadata is missing
   * @throws DataException if the folder has no such files, or they differ in their columns
   * @throws UncheckedIOException if it can't be read
   */
  public static ArrowRows open(Path path) {
    if (!Files.isDirectory(path)) {
      return open(List.of(path));
    }
    try (Stream<Path> files = Files.list(path)) {
      List<Path> arrow = files.filter(f -> f.toString().endsWith(".arrow")).sorted().toList();
      if (arrow.isEmpty()) {
        throw new DataException(
            path + ": there is no file .arrow in this folder; give an Arrow file, or their folder");
      }
      return open(arrow);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e.getMessage(), e);
    }
  }

  /**
   * Maps files.
   *
   * @param paths at least one Arrow file or stream, all of the same columns
   * @return the rows of all, one file after the other
   * @throws dev.quern.core.type.FormatException if one is something else, or damaged
   * @throws dev.quern.core.type.NotSupportedException as {@link #open(Path)}
   * @throws DataException if there is none, or they differ in their columns
   * @throws UncheckedIOException if one can't be read
   */
  public static ArrowRows open(List<Path> paths) {
    DataException.atLeast("arrow", "the number of files", paths.size(), 1);
    List<Part> parts = new ArrayList<>();
    try {
      for (Path path : paths) {
        parts.add(Part.open(path));
        checkSame(parts.getFirst().file, parts.getLast().file);
      }
      return new ArrowRows(parts);
    } catch (RuntimeException e) {
      parts.forEach(p -> p.file.close());
      throw e;
    }
  }

  private static void checkSame(ArrowFile first, ArrowFile other) {
    List<String> wanted = first.schema().fields().stream().map(ArrowField::toString).toList();
    List<String> found = other.schema().fields().stream().map(ArrowField::toString).toList();
    if (!wanted.equals(found)) {
      throw new DataException(
          "[arrow] %s has the columns %s, and %s has %s; give files of the same columns"
              .formatted(first.name(), wanted, other.name(), found));
    }
  }

  @Override
  public long size() {
    return ends[ends.length - 1];
  }

  /**
   * The columns' names.
   *
   * @return in the order of the files
   */
  public List<String> columns() {
    return parts.getFirst().file.schema().names();
  }

  @Override
  public ArrowRow get(long index) {
    Objects.checkIndex(index, size());
    int at = Arrays.binarySearch(ends, index + 1);
    int part = at >= 0 ? at : -at - 1;
    while (part > 0 && ends[part - 1] >= ends[part]) {
      part--; // of empty files the search may find any
    }
    return parts.get(part).row(index - (part == 0 ? 0 : ends[part - 1]));
  }

  @Override
  public void close() {
    parts.forEach(p -> p.file.close());
  }
}
