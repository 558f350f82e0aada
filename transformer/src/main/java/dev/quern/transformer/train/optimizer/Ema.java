package dev.quern.transformer.train.optimizer;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The exponential moving average of parameters (Polyak and Juditsky, "Acceleration of stochastic
 * approximation by averaging", 1992): a ← a + (1 − d)·(p − a), which begins at the parameters as
 * they are. With warm-up the decay of update t is min(d, (1 + t)/(10 + t)), t = 1 at the first, so
 * that early weights are soon forgotten.
 *
 * <p>{@link #update(Tensor)} is in operations, for plans; {@link #update(long)} is its eager form.
 * For evaluation the averages take the parameters' place:
 *
 * {@snippet :
 * try (Ema.Swap _ = ema.swapIn()) {
 *   evaluate(model);
 * }
 * }
 */
public final class Ema implements AutoCloseable {
  private final Engine engine;
  private final Map<String, Buffer> parameters;
  private final Map<String, Buffer> averages = new LinkedHashMap<>();
  private final double decay;
  private final boolean warmup;
  private boolean swapped;

  /** While it is open, parameters hold averages. */
  public interface Swap extends AutoCloseable {
    /** Puts the parameters back. */
    @Override
    void close();
  }

  /**
   * Averages of parameters, which begin at their present values.
   *
   * @param engine makes the buffers
   * @param parameters by name, F32 or F64; they stay the caller's
   * @param decay d, 0 ≤ d &lt; 1
   * @param warmup whether early updates decay less
   * @throws OptimizerException if the decay is out of range
   */
  public Ema(Engine engine, Map<String, Buffer> parameters, double decay, boolean warmup) {
    this.engine = engine;
    this.parameters = new LinkedHashMap<>(parameters);
    this.decay = OptimizerException.checkBelow("ema", "decay", decay, 1);
    this.warmup = warmup;
    parameters.forEach(
        (name, p) -> {
          Buffer average = engine.buffer(name + "/ema", p.spec());
          average.assign(p.value());
          averages.put(name, average);
        });
  }

  /**
   * The averages, for checkpoints.
   *
   * @return buffers by parameter, such as {@code h.0.attn.weight/ema}, in a fixed order
   */
  public Map<String, Buffer> state() {
    Map<String, Buffer> all = new LinkedHashMap<>();
    averages.values().forEach(b -> all.put(b.name(), b));
    return Collections.unmodifiableMap(all);
  }

  /**
   * The weight of the new parameters in an update.
   *
   * @param update 1 for the first one
   * @return 1 − d, or more while it warms up
   */
  public double weight(long update) {
    double t = (double) update;
    return 1 - (warmup ? Math.min(decay, (1 + t) / (10 + t)) : decay);
  }

  /**
   * Moves the averages towards the parameters, now.
   *
   * @param update 1 for the first one
   */
  public void update(long update) {
    try (TensorScope _ = TensorScope.open()) {
      update(engine.full(ScalarType.F64, weight(update)));
    }
  }

  /**
   * Moves the averages towards the parameters, eagerly or recorded.
   *
   * @param weight {@link #weight(long)}, a scalar of F32 or F64; with 0 nothing moves
   */
  public void update(Tensor weight) {
    parameters.forEach(
        (name, p) -> {
          Buffer average = averages.get(name);
          if (average != null) {
            Tensor a = average.value();
            average.assign(a.add(p.value().sub(a).mul(weight.cast(a.dtype()))));
          }
        });
  }

  /**
   * Exchanges parameters and averages until the result is closed. Updates wait until then.
   *
   * @return to be closed
   * @throws OptimizerException if they are exchanged already
   */
  public Swap swapIn() {
    if (swapped) {
      throw new OptimizerException(
          "[ema] the averages are in the parameters' place already; close the first swap");
    }
    exchange();
    swapped = true;
    return () -> {
      if (swapped) {
        exchange();
        swapped = false;
      }
    };
  }

  private void exchange() {
    parameters.forEach(
        (name, p) -> {
          Buffer average = averages.get(name);
          if (average != null) {
            try (TensorScope _ = TensorScope.open()) {
              Tensor kept = engine.one(new DataOp.Contiguous(), p.value());
              p.assign(average.value());
              average.assign(kept);
            }
          }
        });
  }

  /** Gives the averages' memory back; the parameters stay. */
  @Override
  public void close() {
    averages.values().forEach(Buffer::close);
  }
}
