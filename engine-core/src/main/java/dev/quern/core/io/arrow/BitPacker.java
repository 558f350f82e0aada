package dev.quern.core.io.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.quern.core.io.ByteSink;
import dev.quern.core.io.internal.PendingTensors.Pending;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Packs the bytes of truth values to bits, the first value in the lowest bit of the first byte. */
final class BitPacker implements ByteSink {
  private static final int PIECE_BYTES = 1 << 13;

  private final ByteSink sink;
  private final byte[] packed = new byte[PIECE_BYTES];
  private long position;
  private int bits;

  private BitPacker(ByteSink sink) {
    this.sink = sink;
  }

  static void write(Pending tensor, ByteSink sink) {
    BitPacker packer = new BitPacker(sink);
    tensor.writeTo(packer);
    packer.flush();
  }

  @Override
  public void write(MemorySegment bytes) {
    long n = bytes.byteSize();
    for (long i = 0; i < n; i++) {
      if (bytes.get(JAVA_BYTE, i) != 0) {
        packed[bits >> 3] |= (byte) (1 << (bits & 7));
      }
      if (++bits == 8 * PIECE_BYTES) {
        flush();
      }
    }
    position += n;
  }

  private void flush() {
    sink.write(MemorySegment.ofArray(packed).asSlice(0, (bits + 7) / 8));
    Arrays.fill(packed, (byte) 0);
    bits = 0;
  }

  /** How many values were taken, which is what the tensor's source counts. */
  @Override
  public long position() {
    return position;
  }
}
