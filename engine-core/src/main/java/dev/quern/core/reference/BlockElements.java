package dev.quern.core.reference;

import dev.quern.core.type.DTypeException;
import java.lang.foreign.MemorySegment;

/** Elements in blocks, read through a cache of one block. They are written by rows only. */
final class BlockElements extends Elements {
  private final BlockCodec codec;
  private final MemorySegment segment;
  private final float[] block;
  private long cached = -1;

  BlockElements(BlockCodec codec, MemorySegment segment) {
    this.codec = codec;
    this.segment = segment;
    this.block = new float[codec.type().blockLength()];
  }

  @Override
  double get(long position) {
    long wanted = position / block.length;
    if (wanted != cached) {
      codec.dequantize(segment, wanted * codec.type().blockBytes(), block, 0, block.length);
      cached = wanted;
    }
    return block[(int) (position - wanted * block.length)];
  }

  @Override
  long getLong(long position) {
    return (long) get(position);
  }

  @Override
  void set(long position, double x) {
    throw new DTypeException(
        "[" + codec.type() + "] single elements of a block can't be written; cast whole rows");
  }

  @Override
  void setLong(long position, long x) {
    set(position, (double) x);
  }
}
