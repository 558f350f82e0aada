package dev.quern.core.io.npy;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.TensorSpec;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes npz archives as {@code numpy.savez} does: npy files in a zip file, uncompressed. First say
 * what is in it, then {@link #write}. The same arrays give the same bytes.
 *
 * {@snippet :
 * new NpzWriter()
 *     .array("loss", TensorSpec.of(ScalarType.F32, 100), losses)
 *     .array("steps", TensorSpec.of(ScalarType.I64, 100), steps)
 *     .write(Path.of("log.npz"));
 * }
 */
public final class NpzWriter {
  private static final int MAX_MEMBERS = 1 << 16;
  private static final int MAX_NAME_BYTES = 65_535;
  private static final int PIECE_BYTES = 1 << 20;
  // Zip files have no time zone and begin in 1980; NumPy writes this time too.
  private static final LocalDateTime TIME = LocalDateTime.of(1980, 1, 1, 0, 0);

  private final Map<String, Array> arrays = new LinkedHashMap<>();

  /** An array that waits to be written. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Array(byte[] header, MemorySegment bytes) {}

  /** An archive without anything. */
  public NpzWriter() {}

  /**
   * Adds an array.
   *
   * @param name unique; {@code numpy.load} finds it under this name
   * @param spec dtype and shape
   * @param bytes all elements, row-major, little-endian; valid until {@link #write} has returned
   * @return this writer
   * @throws NotSupportedException for BF16, F8_E4M3 and block types, which NumPy does not have
   * @throws FormatException if {@code bytes} has another size than {@code spec} says, or the name
   *     is empty, too long or was used before
   */
  public NpzWriter array(String name, TensorSpec spec, MemorySegment bytes) {
    NpyFile.checkSize(spec, bytes.byteSize());
    int length = name.getBytes(StandardCharsets.UTF_8).length + NpzFile.SUFFIX.length();
    if (name.isEmpty() || length > MAX_NAME_BYTES || name.indexOf('\0') >= 0) {
      throw new FormatException(
          "[npz] no array can be called "
              + Blame.quote(name)
              + "; a name has 1 to "
              + (MAX_NAME_BYTES - NpzFile.SUFFIX.length())
              + " bytes of UTF-8, none of them NUL");
    }
    if (arrays.size() == MAX_MEMBERS) {
      throw new FormatException("[npz] an archive has at most " + MAX_MEMBERS + " arrays");
    }
    if (arrays.put(name, new Array(NpyFile.header(spec), bytes)) != null) {
      throw new FormatException("[npz] array " + Blame.quote(name) + " was added twice");
    }
    return this;
  }

  /**
   * Writes the archive.
   *
   * @param target created or replaced, atomically
   * @throws UncheckedIOException if that fails; an old file is left as it was
   */
  public void write(Path target) {
    AtomicFile.write(
        target,
        sink -> {
          try {
            writeTo(sink);
          } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target + ": " + e.getMessage(), e);
          }
        });
  }

  private void writeTo(ByteSink sink) throws IOException {
    OutputStream out = new BufferedOutputStream(new SinkStream(sink), PIECE_BYTES);
    try (ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8)) {
      zip.setMethod(ZipOutputStream.STORED);
      for (Map.Entry<String, Array> e : arrays.entrySet()) {
        Array array = e.getValue();
        ZipEntry entry = new ZipEntry(e.getKey() + NpzFile.SUFFIX);
        entry.setTimeLocal(TIME);
        entry.setSize(array.header.length + array.bytes.byteSize());
        CRC32 crc = new CRC32();
        crc.update(array.header);
        pieces(array.bytes, piece -> crc.update(piece));
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(array.header);
        pieces(array.bytes, zip::write);
        zip.closeEntry();
      }
    }
  }

  /** Takes some bytes. */
  @FunctionalInterface
  private interface Piece {
    void take(byte[] bytes) throws IOException;
  }

  private static void pieces(MemorySegment bytes, Piece to) throws IOException {
    for (long at = 0; at < bytes.byteSize(); at += PIECE_BYTES) {
      long size = Math.min(PIECE_BYTES, bytes.byteSize() - at);
      to.take(bytes.asSlice(at, size).toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /** A sink as a stream; closing it does nothing. */
  private static final class SinkStream extends OutputStream {
    private final ByteSink sink;

    SinkStream(ByteSink sink) {
      this.sink = sink;
    }

    @Override
    public void write(int b) {
      sink.write(new byte[] {(byte) b});
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
      sink.write(MemorySegment.ofArray(bytes).asSlice(from, length));
    }
  }
}
