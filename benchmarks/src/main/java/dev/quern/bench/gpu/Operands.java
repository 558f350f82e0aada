package dev.quern.bench.gpu;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * What an operation is measured on: tensors on the engine's device, in buffers, so that a recording
 * doesn't compute what consists of them alone.
 */
final class Operands implements AutoCloseable {
  private static final long SEED = 1234;

  private final Engine engine;
  private final Patterns patterns;
  private final List<Buffer> buffers = new ArrayList<>();

  Operands(Engine engine, Patterns patterns) {
    this.engine = engine;
    this.patterns = patterns;
  }

  /** Zeros. */
  Tensor zeros(DType dtype, long... dims) {
    Buffer b = engine.buffer("operand " + buffers.size(), TensorSpec.of(dtype, dims));
    buffers.add(b);
    return b.value();
  }

  /** Normally distributed elements. */
  Tensor normal(DType dtype, long... dims) {
    return normal(1, dtype, dims);
  }

  /** Normally distributed elements of a standard deviation. */
  Tensor normal(double deviation, DType dtype, long... dims) {
    Tensor t = zeros(dtype, dims);
    patterns.fill(engine.home(), t.storage().segment(), dtype, t.shape().elements(), deviation);
    return t;
  }

  /** I32 numbers from 0 to a limit, evenly distributed. */
  Tensor ids(int below, long... dims) {
    Tensor t = zeros(ScalarType.I32, dims);
    int count = Math.toIntExact(t.shape().elements());
    int[] values = new SplittableRandom(SEED).ints(count, 0, below).toArray();
    engine.home().upload(MemorySegment.ofArray(values), t.storage().segment());
    return t;
  }

  /** I32 numbers from 0 to a limit, each once, in an order by chance. */
  Tensor shuffled(int count, long... dims) {
    Tensor t = zeros(ScalarType.I32, dims);
    List<Integer> order = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    Collections.shuffle(order, new Random(SEED));
    int[] values = order.stream().mapToInt(Integer::intValue).toArray();
    engine.home().upload(MemorySegment.ofArray(values), t.storage().segment());
    return t;
  }

  /** Bytes of all of them. */
  long bytes() {
    return buffers.stream().mapToLong(b -> b.spec().byteSize()).sum();
  }

  @Override
  public void close() {
    buffers.forEach(Buffer::close);
  }
}
