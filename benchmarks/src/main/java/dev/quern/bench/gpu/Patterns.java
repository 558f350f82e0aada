package dev.quern.bench.gpu;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.Backend;
import dev.quern.core.type.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/**
 * Normally distributed elements of any type. Some are made on the host, because only there every
 * block format is written, and repeated on the device: so a model of 16 GB is there in less than a
 * second, and every memory cell holds its own copy.
 */
final class Patterns {
  private static final long MOST_ELEMENTS = 1 << 22;
  private static final long MOST_IN_BLOCKS = 1 << 18; // some formats take a search to write

  private record Key(DType dtype, long elements, double deviation) {}

  private final Engine host = Engine.create();
  private final Map<Key, MemorySegment> made = new HashMap<>();

  /**
   * Fills a tensor's memory.
   *
   * @param device whose memory it is
   * @param target the memory
   * @param dtype of its elements
   * @param elements how many, whole blocks
   * @param deviation standard deviation; the mean is 0
   */
  void fill(Backend device, MemorySegment target, DType dtype, long elements, double deviation) {
    long count = Math.min(elements, dtype.isBlock() ? MOST_IN_BLOCKS : MOST_ELEMENTS);
    MemorySegment pattern = made.computeIfAbsent(new Key(dtype, count, deviation), this::make);
    long bytes = elements / dtype.blockLength() * dtype.blockBytes();
    device.upload(pattern, target);
    for (long filled = pattern.byteSize(); filled < bytes; ) {
      long more = Math.min(filled, bytes - filled);
      device.copy(target.asSlice(0, more), target.asSlice(filled, more));
      filled += more;
    }
  }

  private MemorySegment make(Key key) {
    try (TensorScope _ = TensorScope.open("pattern")) {
      Tensor t = host.normal(made.size() + 1, key.elements).mul(key.deviation).cast(key.dtype);
      MemorySegment kept = Arena.ofAuto().allocate(t.spec().byteSize());
      return kept.copyFrom(t.storage().segment().asSlice(0, kept.byteSize()));
    }
  }
}
