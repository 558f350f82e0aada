package dev.quern.transformer.compress;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorSource;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * Writes a tensor's rows in another element type, a few at a time, so that a model of any size
 * passes through little memory.
 *
 * @param engine converts, and lends its threads
 * @param source the file it comes from, for messages
 * @param name which one, for messages
 * @param values gives the tensor when its turn has come
 * @param target the wanted type
 */
record RowConverter(
    Engine engine, String source, String name, Supplier<Tensor> values, DType target)
    implements TensorSource {
  private static final long CHUNK_ELEMENTS = 1L << 22;
  private static final long CHECKED_ELEMENTS = 1L << 16;

  @Override
  public void writeTo(ByteSink sink) {
    try (TensorScope _ = TensorScope.open("convert " + name)) {
      Tensor tensor = values.get();
      if (tensor.dtype() == target) {
        sink.write(bytes(tensor));
        return;
      }
      long columns = tensor.shape().dim(-1);
      Tensor rows = tensor.reshape(-1, columns);
      long count = rows.shape().dim(0);
      long step = Math.max(1, CHUNK_ELEMENTS / columns);
      for (long r = 0; r < count; r += step) {
        try (TensorScope _ = TensorScope.open("convert rows of " + name)) {
          Tensor chunk = rows.slice(0, r, Math.min(step, count - r));
          sink.write(
              target instanceof BlockType ? blocks(chunk, r, columns) : bytes(chunk.cast(target)));
        }
      }
    }
  }

  private static MemorySegment bytes(Tensor tensor) {
    return tensor.contiguous().segment();
  }

  private MemorySegment blocks(Tensor chunk, long firstRow, long columns) {
    Tensor wide = chunk.cast(ScalarType.F32);
    checkFinite(bytes(wide), firstRow, columns);
    return bytes(wide.cast(target));
  }

  /**
   * A block has no way to hold NaN or infinity: it would spoil, or silently lose, its neighbours.
   */
  private void checkFinite(MemorySegment wide, long firstRow, long columns) {
    long count = wide.byteSize() / Float.BYTES;
    AtomicLong first = new AtomicLong(count);
    engine
        .pool()
        .parallelFor(
            Math.toIntExact((count + CHECKED_ELEMENTS - 1) / CHECKED_ELEMENTS),
            slice -> {
              long from = slice * CHECKED_ELEMENTS;
              long to = Math.min(count, from + CHECKED_ELEMENTS);
              for (long i = from; i < to; i++) {
                if (!Float.isFinite(wide.getAtIndex(JAVA_FLOAT_UNALIGNED, i))) {
                  first.accumulateAndGet(i, Math::min);
                  return;
                }
              }
            });
    long bad = first.get();
    if (bad < count) {
      throw new NotSupportedException(
          "[quantize] %s: tensor '%s' holds %s at [%d, %d], which %s can't hold; repair or retrain the model, or take F32, F16 or BF16"
              .formatted(
                  source,
                  name,
                  wide.getAtIndex(JAVA_FLOAT_UNALIGNED, bad),
                  firstRow + bad / columns,
                  bad % columns,
                  target.name()));
    }
  }
}
