package dev.quern.core.reference;

import dev.quern.core.type.BlockType;
import java.lang.foreign.MemorySegment;

/**
 * Writes and reads one block format. Stateless, usable by all threads.
 *
 * <p>Dequantisation is bit-exact with ggml's; quantisation makes the choices that ggml's own
 * quantisers make without an importance matrix.
 */
public interface BlockCodec {
  /**
   * The format.
   *
   * @return the block type
   */
  BlockType type();

  /**
   * Writes elements as blocks.
   *
   * @param from the elements
   * @param at index of the first
   * @param to the memory
   * @param offsetBytes where the first block goes
   * @param count how many elements, a multiple of the block length
   */
  default void quantize(float[] from, int at, MemorySegment to, long offsetBytes, int count) {
    long target = offsetBytes;
    for (int i = 0; i < count; i += type().blockLength(), target += type().blockBytes()) {
      quantizeBlock(from, at + i, to, target);
    }
  }

  /**
   * Reads blocks.
   *
   * @param from the memory
   * @param offsetBytes where the first block is
   * @param to the elements
   * @param at index of the first
   * @param count how many elements, a multiple of the block length
   */
  default void dequantize(MemorySegment from, long offsetBytes, float[] to, int at, int count) {
    long source = offsetBytes;
    for (int i = 0; i < count; i += type().blockLength(), source += type().blockBytes()) {
      dequantizeBlock(from, source, to, at + i);
    }
  }

  /**
   * Writes one block.
   *
   * @param from the elements
   * @param at index of the first
   * @param to the memory
   * @param offsetBytes where the block goes
   */
  void quantizeBlock(float[] from, int at, MemorySegment to, long offsetBytes);

  /**
   * Reads one block.
   *
   * @param from the memory
   * @param offsetBytes where the block is
   * @param to the elements
   * @param at index of the first
   */
  void dequantizeBlock(MemorySegment from, long offsetBytes, float[] to, int at);
}
