package dev.quern.core.io.safetensors;

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
 * An open safetensors file.
 *
 * <p>Opening reads and checks the header; the tensors' bytes are mapped and not touched. The format
 * does not promise that a tensor's bytes are aligned to its element size. The common writers see to
 * it; a tensor that is not aligned is copied into memory when it is asked for.
 */
public final class SafetensorsFile implements TensorFile {
  private final MappedFile file;
  private final HeaderParser.Header header;
  private final TensorTable table;

  private SafetensorsFile(MappedFile file, HeaderParser.Header header, TensorTable table) {
    this.file = file;
    this.header = header;
    this.table = table;
  }

  /**
   * Opens a file.
   *
   * @param path a safetensors file
   * @return the file, to be closed
   * @throws FormatException if it is no such file or is damaged; names file, offset and field
   * @throws UncheckedIOException if it can't be read
   */
  public static SafetensorsFile open(Path path) {
    Blame blame = new Blame("safetensors", path.toString());
    return TensorTable.open(
        blame,
        path,
        file -> {
          HeaderParser.Header header = HeaderParser.parse(blame, file);
          return new SafetensorsFile(file, header, new TensorTable(blame, file, header.tensors()));
        });
  }

  /**
   * The text pairs of {@code __metadata__}.
   *
   * @return immutable, in the order of the file; often {@code format} = {@code pt}
   */
  public Map<String, String> metadata() {
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
