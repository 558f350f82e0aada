package dev.quern.core.io.arrow;

import dev.quern.core.io.TensorSource;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A column that is to be written: what a record batch says of it, in the order of its field's tree.
 *
 * @param field of the schema
 * @param rows how many
 * @param nodes of the column and its children
 * @param buffers of the column and its children
 */
record ColumnData(ArrowField field, long rows, List<Node> nodes, List<Buffer> buffers) {

  /** Length and nulls of a column. */
  record Node(long length, long nullCount) {}

  /**
   * Bytes of a column.
   *
   * @param byteSize how many
   * @param source writes them, when their turn has come
   */
  record Buffer(long byteSize, TensorSource source) {
    static final Buffer NONE = of(new byte[0]);

    static Buffer of(byte[] bytes) {
      return new Buffer(bytes.length, sink -> sink.write(bytes));
    }

    static Buffer of(int[] values) {
      MemorySegment s = MemorySegment.ofArray(values);
      return new Buffer(s.byteSize(), sink -> sink.write(s));
    }
  }
}
