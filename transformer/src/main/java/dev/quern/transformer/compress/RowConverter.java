package dev.quern.transformer.compress;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.BlockCodec;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;

/**
 * Writes a tensor's rows in another element type, a few at a time, so that a model of any size
 * passes through little memory.
 *
 * @param engine converts scalar types, and lends its threads
 * @param file where the tensor is
 * @param name which one
 * @param target the wanted type
 */
record RowConverter(Engine engine, TensorFile file, String name, DType target) {
  private static final long CHUNK_ELEMENTS = 1L << 22;

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
            target instanceof BlockType block
                ? blocks(chunk, block, r, (int) columns)
                : chunk.cast(target).contiguous().segment());
      }
    }
  }

  private MemorySegment blocks(Tensor chunk, BlockType block, long firstRow, int columns) {
    BlockCodec codec = BlockCodecs.of(block);
    float[] values = chunk.cast(ScalarType.F32).toFloats();
    checkFinite(values, firstRow, columns);
    long rowBytes = block.bytes(columns);
    int rows = values.length / columns;
    MemorySegment bytes = MemorySegment.ofArray(new byte[Math.toIntExact(rows * rowBytes)]);
    engine
        .pool()
        .parallelFor(rows, r -> codec.quantize(values, r * columns, bytes, r * rowBytes, columns));
    return bytes;
  }

  /**
   * A block has no way to hold NaN or infinity: it would spoil, or silently lose, its neighbours.
   */
  private void checkFinite(float[] values, long firstRow, int columns) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new NotSupportedException(
            "[quantize] %s: tensor '%s' holds %s at [%d, %d], which %s can't hold; repair or retrain the model, or take F32, F16 or BF16"
                .formatted(
                    file.path(),
                    name,
                    values[i],
                    firstRow + i / columns,
                    i % columns,
                    target.name()));
      }
    }
  }
}
