package dev.quern.core.io.arrow;

import dev.quern.core.io.ByteSink;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.TensorTable;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScopeClosedException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * An open Arrow file or stream: batches of rows, in columns. Opening it reads the headers of all
 * batches; the values are mapped memory and arrive when they are touched.
 *
 * <p>Which of the two layouts it has is seen from its first bytes; names do not tell, the caches of
 * Hugging Face's {@code datasets} are streams in files called {@code .arrow}. Compressed buffers
 * and big-endian data are refused.
 *
 * <p>May be used by several threads. Source: "Arrow Columnar Format", versions 1.0 to 1.5 (metadata
 * versions 4 and 5).
 */
public final class ArrowFile implements AutoCloseable {
  private final String name;
  private final Blame blame;
  private final ArrowBytes source;
  private final ArrowIndex index;
  private final Dictionaries dictionaries;

  private ArrowFile(String name, Blame blame, ArrowBytes source) {
    this.name = name;
    this.blame = blame;
    this.source = source;
    ArrowBuffer bytes = new ArrowBuffer(source, blame, 0, source.size());
    checkKind(bytes);
    this.index =
        FooterIndex.isMagic(bytes, 0)
            ? FooterIndex.read(blame, source)
            : StreamIndex.read(blame, source);
    this.dictionaries = new Dictionaries(source, blame, index);
  }

  /**
   * Maps a file and reads its headers.
   *
   * @param path an Arrow file or stream
   * @return the file, to be closed
   * @throws FormatException if it is no such file or is damaged; names file, offset and field
   * @throws NotSupportedException if it is big-endian or of an old version, or if the library that
   *     reads the metadata is missing
   * @throws UncheckedIOException if it can't be read
   */
  public static ArrowFile open(Path path) {
    FormatLibrary.check();
    Blame blame = new Blame("arrow", path.toString());
    return TensorTable.open(
        blame, path, file -> new ArrowFile(path.toString(), blame, ArrowBytes.mapped(file)));
  }

  /**
   * Reads a file or stream that is in memory, such as one that came over the network.
   *
   * @param name what errors call it
   * @param bytes all of it; kept if off the heap, and must then stay valid; copied otherwise
   * @return the file, to be closed
   * @throws FormatException if they are no such file or are damaged
   * @throws NotSupportedException as with {@link #open}
   */
  public static ArrowFile of(String name, MemorySegment bytes) {
    FormatLibrary.check();
    return new ArrowFile(name, new Blame("arrow", name), ArrowBytes.memory(name, bytes));
  }

  /** Says of some formats that are often taken for this one what they are. */
  private void checkKind(ArrowBuffer bytes) {
    if (bytes.size() == 0) {
      throw blame.whole("is empty");
    }
    String start =
        new String(bytes.bytes(0, (int) Math.min(4, bytes.size())), StandardCharsets.ISO_8859_1);
    if (start.equals("PAR1")) {
      throw blame.whole("is a Parquet file; convert it to Arrow (pyarrow: parquet.read_table)");
    }
    if (start.equals("FEA1")) {
      throw blame.whole("is a Feather file of version 1; write it again with version 2");
    }
  }

  /**
   * What was opened.
   *
   * @return the path or name as it was given
   */
  public String name() {
    return name;
  }

  /**
   * The columns.
   *
   * @return the schema of all batches
   */
  public ArrowSchema schema() {
    return index.schema();
  }

  /**
   * How many batches there are.
   *
   * @return 0 or more
   */
  public int batches() {
    return index.batches().size();
  }

  /**
   * How many rows there are in all batches.
   *
   * @return 0 or more
   */
  public long rows() {
    if (index.batches().isEmpty()) {
      return 0;
    }
    ArrowIndex.Batch last = index.batches().getLast();
    return last.firstRow() + last.rows();
  }

  /**
   * Whether its end is marked. A stream may end without a mark, but one that was cut short between
   * two batches looks the same.
   *
   * @return true for files, and for streams that were closed by their writer
   */
  public boolean isComplete() {
    return index.complete();
  }

  /**
   * Which batch a row is in.
   *
   * @param row from 0, counted over all batches
   * @return index of the batch
   * @throws IndexException if there is no such row
   */
  public int batchOf(long row) {
    if (row < 0 || row >= rows()) {
      throw new IndexException(
          "[arrow] there is no row " + row + " among the " + rows() + " of " + name);
    }
    int low = 0;
    int high = batches() - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (index.batches().get(middle).firstRow() <= row) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /**
   * A batch. Its columns are checked against the file; keep it while its rows are read.
   *
   * @param i from 0
   * @return the batch
   * @throws IndexException if there is no such batch
   * @throws FormatException if it is damaged
   * @throws NotSupportedException if its buffers are compressed
   * @throws ScopeClosedException if closed
   */
  public ArrowBatch batch(int i) {
    ArrowIndex.Batch entry = entry(i);
    MessageReader.Frame frame = entry.frame();
    Metadata metadata =
        Metadata.read(blame, source.all(), frame.metadataOffset(), frame.metadataLength());
    BatchDecoder decoder =
        metadata.get(
            "record batch", b -> BatchDecoder.ofBatch(source, metadata, frame, dictionaries, b));
    List<ArrowColumn> columns = decoder.columns(schema().fields(), entry.position());
    return new ArrowBatch(blame, entry.firstRow(), entry.rows(), columns);
  }

  private ArrowIndex.Batch entry(int i) {
    if (i < 0 || i >= batches()) {
      throw new IndexException(
          "[arrow] there is no batch " + i + " among the " + batches() + " of " + name);
    }
    return index.batches().get(i);
  }

  /**
   * Copies one batch as a stream of its own, with the schema and the dictionaries that it needs.
   *
   * @param i from 0
   * @param sink takes the stream
   * @throws IndexException if there is no such batch
   * @throws ScopeClosedException if closed
   */
  public void copyBatch(int i, ByteSink sink) {
    new StreamCopy(source.all(), index, dictionaries).write(entry(i), sink);
  }

  /**
   * Compares the present length of the file with that at opening. Reading mapped pages beyond the
   * end of a file that was cut short can kill the process, so this is asked before long native
   * reads.
   *
   * @throws FormatException if the file is shorter than it was
   */
  public void checkLength() {
    source.checkLength();
  }

  /**
   * Unmaps the file.
   *
   * @throws ScopeClosedException if it was closed before, or while a kernel reads from it
   */
  @Override
  public void close() {
    source.close();
  }
}
