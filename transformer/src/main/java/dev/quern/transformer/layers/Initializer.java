package dev.quern.transformer.layers;

import dev.quern.core.op.Executor;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;

/**
 * Fresh values of a weight. A seed gives the same bits on every machine and for any number of
 * threads; give each weight a seed of its own. {@link Initializers#of} has the usual ones by name.
 */
@FunctionalInterface
public interface Initializer {
  /**
   * The values.
   *
   * @param executor the engine
   * @param dtype F32 or F64
   * @param seed any number
   * @param dims extents; of a linear map [out, in]
   * @return that shape and dtype
   * @throws dev.quern.core.type.ShapeException if the initialiser needs other axes
   */
  Tensor create(Executor executor, ScalarType dtype, long seed, long... dims);
}
