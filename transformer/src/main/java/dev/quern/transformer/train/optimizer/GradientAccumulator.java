package dev.quern.transformer.train.optimizer;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Gradients of several micro-batches, added up for one update. Scale each loss with 1/(number of
 * micro-batches), or as its share of the whole asks for.
 *
 * <p>{@link #add} and {@link #clear} are operations: eager, or part of a recorded plan. Between
 * updates the sums are zero, so a checkpoint taken there needn't hold them.
 *
 * {@snippet :
 * for (Batch b : microBatches) {
 *   sums.add(updates.of(gradients(b)));
 * }
 * updates.step(sums.gradients(), at);
 * sums.clear();
 * }
 */
public final class GradientAccumulator implements AutoCloseable {
  private final Map<String, Buffer> sums = new LinkedHashMap<>();

  /**
   * Sums for parameters, zero at first.
   *
   * @param engine makes the buffers
   * @param parameters by name
   */
  public GradientAccumulator(Engine engine, Map<String, Buffer> parameters) {
    parameters.forEach((name, p) -> sums.put(name, engine.buffer(name + "/gradient", p.spec())));
  }

  /**
   * Adds gradients.
   *
   * @param gradients by parameter, of its dtype and shape
   * @throws OptimizerException if one belongs to no parameter
   */
  public void add(Map<String, Tensor> gradients) {
    gradients.forEach(
        (name, g) -> {
          Buffer sum = sums.get(name);
          if (sum == null) {
            throw new OptimizerException(
                "[accumulate] gradient '%s' belongs to none of the parameters %s"
                    .formatted(name, sums.keySet()));
          }
          sum.assign(sum.value().add(g));
        });
  }

  /**
   * The sums.
   *
   * @return by parameter; tensors over the buffers
   */
  public Map<String, Tensor> gradients() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    sums.forEach((name, b) -> all.put(name, b.value()));
    return all;
  }

  /** Makes the sums zero. */
  public void clear() {
    sums.values().forEach(b -> b.assign(b.value().scalarLike(0)));
  }

  /** Gives the memory back. */
  @Override
  public void close() {
    sums.values().forEach(Buffer::close);
  }
}
