package dev.quern.core.io;

import java.lang.foreign.MemorySegment;

/**
 * Where a writer takes the bytes of a tensor from. It is asked when the tensor's turn has come, so
 * a model need not be in memory as a whole to be written.
 */
@FunctionalInterface
public interface TensorSource {

  /**
   * Writes all bytes of the tensor, in row-major order and little-endian.
   *
   * @param sink takes exactly as many bytes as dtype and shape say
   */
  void writeTo(ByteSink sink);

  /**
   * Bytes that are in memory.
   *
   * @param bytes the whole tensor; must stay valid until the file is written
   * @return a source that writes them
   */
  static TensorSource of(MemorySegment bytes) {
    return sink -> sink.write(bytes);
  }
}
