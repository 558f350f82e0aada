package dev.quern.core.io.arrow;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.ByteSink;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes Arrow files and streams: uncompressed, little-endian, metadata version 5, all memory at
 * multiples of 64 bytes of the file, so that who maps it need not copy.
 *
 * {@snippet :
 * ArrowWriter.stream()
 *     .put("made by", "quern")
 *     .write(path, batches -> {
 *       while (more()) {
 *         batches.add(new ArrowColumns().texts("text", next()));
 *       }
 *     });
 * }
 */
public final class ArrowWriter {
  private final boolean file;
  private final Map<String, String> metadata = new LinkedHashMap<>();

  private ArrowWriter(boolean file) {
    this.file = file;
  }

  /**
   * A writer of the file layout, whose batches are found by its end.
   *
   * @return the writer
   */
  public static ArrowWriter file() {
    return new ArrowWriter(true);
  }

  /**
   * A writer of the stream layout, which can be read while it comes; the layout of {@code
   * datasets}' caches.
   *
   * @return the writer
   */
  public static ArrowWriter stream() {
    return new ArrowWriter(false);
  }

  /** Takes batches. */
  @FunctionalInterface
  public interface Batches {
    /**
     * Writes a batch; its memory is free when this returns.
     *
     * @param columns of the same names and types, in the same order, as the first batch's
     * @throws FormatException if they differ from the first batch's, or a source writes another
     *     size than its tensor has
     * @throws UncheckedIOException if that fails
     */
    void add(ArrowColumns columns);
  }

  /** Gives batches. */
  @FunctionalInterface
  public interface Body {
    /**
     * Adds all of them, at least one, which may be without rows.
     *
     * @param batches takes them
     */
    void writeTo(Batches batches);
  }

  /**
   * Adds a text pair to the schema's metadata.
   *
   * @param key a later one of the same key takes the place of the earlier
   * @param value any text
   * @return this
   */
  public ArrowWriter put(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Writes one batch.
   *
   * @param target created or replaced, atomically
   * @param columns of the batch
   * @throws FormatException if a source writes another size than its tensor has
   * @throws NotSupportedException if the library that writes the metadata is missing
   * @throws UncheckedIOException if that fails; an old file is left as it was
   */
  public void write(Path target, ArrowColumns columns) {
    write(target, batches -> batches.add(columns));
  }

  /**
   * Writes batches one after the other.
   *
   * @param target created or replaced, atomically
   * @param body gives them
   * @throws FormatException if there is none, or they differ in their columns
   * @throws NotSupportedException if the library that writes the metadata is missing
   * @throws UncheckedIOException if that fails; an old file is left as it was
   */
  public void write(Path target, Body body) {
    FormatLibrary.check();
    AtomicFile.write(target, sink -> write(sink, body));
  }

  /**
   * Writes batches to wherever bytes can go.
   *
   * @param sink takes the file or stream from its present position, which counts as 0
   * @param body gives the batches
   * @throws FormatException if there is none, or they differ in their columns
   * @throws NotSupportedException if the library that writes the metadata is missing
   * @throws UncheckedIOException if that fails
   */
  public void write(ByteSink sink, Body body) {
    FormatLibrary.check();
    Run run = new Run(new RelativeSink(sink));
    body.writeTo(run::add);
    run.end();
  }

  /** A sink that counts from where it was given. */
  private static final class RelativeSink implements ByteSink {
    private final ByteSink sink;
    private final long start;

    RelativeSink(ByteSink sink) {
      this.sink = sink;
      this.start = sink.position();
    }

    @Override
    public void write(MemorySegment bytes) {
      sink.write(bytes);
    }

    @Override
    public long position() {
      return sink.position() - start;
    }
  }

  private final class Run {
    private final ByteSink sink;
    private final MessageWriter messages;
    private @Nullable ArrowSchema schema;

    Run(ByteSink sink) {
      this.sink = sink;
      this.messages = new MessageWriter(sink);
    }

    void add(ArrowColumns columns) {
      List<ArrowField> fields = columns.fields();
      ArrowSchema known = schema;
      if (known == null) {
        known = new ArrowSchema(fields, metadata);
        schema = known;
        begin(known);
      }
      if (!fields.equals(known.fields())) {
        throw new FormatException(
            "[arrow] a batch has the columns "
                + fields
                + ", the first one has "
                + known.fields()
                + "; all must have the same");
      }
      messages.batch(columns);
    }

    private void begin(ArrowSchema s) {
      if (file) {
        sink.write(FooterIndex.MAGIC);
        sink.padTo(FooterIndex.START);
      }
      messages.schema(s);
    }

    void end() {
      ArrowSchema known = schema;
      if (known == null) {
        throw new FormatException(
            "[arrow] there is no batch, so the columns are not known; add one, maybe without"
                + " rows");
      }
      messages.end();
      if (file) {
        messages.footer(known);
      }
    }
  }
}
