package dev.quern.core.io.gguf;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.TensorTable;
import dev.quern.core.memory.MappedFile;
import dev.quern.core.memory.PageMover;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.FormatException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * An open GGUF file, version 2 or 3, little-endian.
 *
 * <p>Opening reads and checks the header; the tensors' bytes are mapped and not touched. GGUF lists
 * extents innermost first, {@link #tensors()} outermost first like the rest of Quern: a matrix that
 * the file calls {@code ne = {columns, rows}} has the shape {@code [rows, columns]}.
 *
 * <p>Source: the GGUF specification, docs/gguf.md of github.com/ggml-org/ggml.
 */
public final class GgufFile implements TensorFile {
  /** The alignment of tensor data in a file that does not say otherwise, bytes. */
  public static final int DEFAULT_ALIGNMENT = 32;

  /** The largest alignment that is believed, bytes. */
  static final int MAX_ALIGNMENT = 1 << 20;

  private final MappedFile file;
  private final HeaderParser.Header header;
  private final TensorTable table;

  private GgufFile(MappedFile file, HeaderParser.Header header, TensorTable table) {
    this.file = file;
    this.header = header;
    this.table = table;
  }

  /**
   * Opens a file.
   *
   * @param path a GGUF file
   * @return the file, to be closed
   * @throws FormatException if it is not a GGUF file of a version that can be read, or is damaged;
   *     names file, offset and field
   * @throws UncheckedIOException if it can't be read
   */
  public static GgufFile open(Path path) {
    Blame blame = new Blame("gguf", path.toString());
    return TensorTable.open(
        blame,
        path,
        file -> {
          HeaderParser.Header header = HeaderParser.parse(blame, file);
          return new GgufFile(file, header, new TensorTable(blame, file, header.tensors()));
        });
  }

  /**
   * The version of the format.
   *
   * @return 2 or 3
   */
  public int version() {
    return header.version();
  }

  /**
   * The alignment of tensor data.
   *
   * @return bytes, a power of two
   */
  public int alignment() {
    return header.alignment();
  }

  /**
   * The key-value pairs.
   *
   * @return immutable; arrays in it are decoded from the file on request
   */
  public GgufMetadata metadata() {
    return header.metadata();
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return header.tensors();
  }

  @Override
  public Storage storage(String name) {
    return table.storage(name);
  }

  @Override
  public void checkLength() {
    file.checkLength();
  }

  @Override
  public long moveTo(PageMover mover) {
    return file.moveTo(mover);
  }

  @Override
  public void close() {
    file.close();
  }
}
