package dev.quern.transformer.compress;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes a tensor's rows in another element type, a few at a time, so that a model of any size
 * passes through little memory.
 *
 * @param engine converts, and lends its threads
 * @param file where the tensor is
 * @param name which one
 * @param target the wanted type
 */
record RowConverter(Engine engine, TensorFile file, String name, DType target) {
  private static final long CHUNK_ELEMENTS = 1L << 22;
  private static final long CHECKED_ELEMENTS = 1L << 16;

  void writeTo(ByteSink sink) {
    TensorSpec spec = file.spec(name);
    if (spec.dtype() == target) {
      sink.write(file.storage(name).segment());
      return;
    }
    long columns = spec.shape().dim(-1);
    Tensor rows = engine.wrap(file.storage(name), spec).reshape(-1, columns);
    long count = rows.shape().dim(0);
    long step = Math.max(1, CHUNK_ELEMENTS / columns);
    for (long r = 0; r < count; r += step) {
      try (TensorScope _ = TensorScope.open("quantize " + name)) {
        Tensor chunk = rows.slice(0, r, Math.min(step, count - r));
        sink.write(
            target instanceof BlockType
                ? blocks(chunk, r, columns)
                : chunk.cast(target).contiguous().segment());
      }
    }
  }

  private MemorySegment blocks(Tensor chunk, long firstRow, long columns) {
    Tensor values = chunk.cast(ScalarType.F32).contiguous();
    checkFinite(values.segment(), firstRow, columns);
    return values.cast(target).segment();
  }

  /**
   * A block has no way to hold NaN or infinity: it would spoil, or silently lose, its neighbours.
   */
  private void checkFinite(MemorySegment values, long firstRow, long columns) {
    long count = values.byteSize() / Float.BYTES;
    AtomicLong first = new AtomicLong(count);
    engine
        .pool()
        .parallelFor(
            Math.toIntExact((count + CHECKED_ELEMENTS - 1) / CHECKED_ELEMENTS),
            slice -> {
              long from = slice * CHECKED_ELEMENTS;
              long to = Math.min(count, from + CHECKED_ELEMENTS);
              for (long i = from; i < to; i++) {
                if (!Float.isFinite(values.getAtIndex(JAVA_FLOAT_UNALIGNED, i))) {
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
                  file.path(),
                  name,
                  values.getAtIndex(JAVA_FLOAT_UNALIGNED, bad),
                  firstRow + bad / columns,
                  bad % columns,
                  target.name()));
    }
  }
}
