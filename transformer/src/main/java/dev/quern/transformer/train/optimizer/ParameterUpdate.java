package dev.quern.transformer.train.optimizer;

import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One parameter in one step, as an {@link Optimizer} sees it. Everything is of the parameter's
 * dtype.
 *
 * <p>New values are written with {@link #assign}. Where the step may be skipped (a gradient that is
 * not finite), these leave the old bits; an operation that writes buffers by itself must look at
 * {@link #applies}.
 */
public final class ParameterUpdate {
  private final String name;
  private final Buffer parameter;
  private final Map<String, Buffer> state;
  private final Tensor raw;
  private final @Nullable Tensor factor;
  private final @Nullable Tensor applies;
  private final Tensor scale;
  private final Tensor scalars;
  private final boolean decays;
  private final boolean momentumMoves;
  private @Nullable Tensor gradient;

  /**
   * @param scalars [n], this parameter's
   * @param factor what the raw gradient is to be multiplied with, 0-d; null for 1
   * @param applies BOOL, 0-d; null for always
   * @param scale factor, or 1; not a number where the step is skipped
   */
  ParameterUpdate(
      String name,
      Buffer parameter,
      Map<String, Buffer> state,
      Tensor raw,
      @Nullable Tensor factor,
      @Nullable Tensor applies,
      Tensor scale,
      Tensor scalars,
      boolean decays,
      boolean momentumMoves) {
    this.name = name;
    this.parameter = parameter;
    this.state = state;
    this.raw = raw;
    this.factor = factor;
    this.applies = applies;
    this.scale = scale;
    this.scalars = scalars;
    this.decays = decays;
    this.momentumMoves = momentumMoves;
  }

  /**
   * Its name.
   *
   * @return as {@link ParameterUpdates} was given it
   */
  public String name() {
    return name;
  }

  /**
   * Its values before the step, until {@link #assign(Tensor)} writes others.
   *
   * @return a tensor over its buffer
   */
  public Tensor parameter() {
    return parameter.value();
  }

  /**
   * Its gradient, after loss scaling was undone and clipping applied.
   *
   * @return the parameter's shape
   */
  public Tensor gradient() {
    if (gradient == null) {
      gradient = factor == null ? raw : raw.mul(factor);
    }
    return gradient;
  }

  /**
   * Its gradient before {@link #factor} is applied, for fused operations that multiply themselves.
   *
   * @return the parameter's shape
   */
  public Tensor rawGradient() {
    return raw;
  }

  /**
   * What loss scaling and clipping by norm multiply gradients with.
   *
   * @return a scalar, or null for 1
   */
  public @Nullable Tensor factor() {
    return factor;
  }

  /**
   * What a fused operation multiplies {@link #rawGradient} with: {@link #factor}, or 1. Where the
   * step is skipped it is not a number, and the operation must leave everything as it is.
   *
   * @return a scalar
   */
  public Tensor scale() {
    return scale;
  }

  /**
   * Whether this step is carried out.
   *
   * @return a BOOL scalar, or null where every step is
   */
  public @Nullable Tensor applies() {
    return applies;
  }

  /**
   * Its state.
   *
   * @param key one of the names of {@link Optimizer#state}
   * @return a tensor over the state's buffer
   * @throws OptimizerException if there is none of that name
   */
  public Tensor state(String key) {
    return buffer(key).value();
  }

  /**
   * A number of the step.
   *
   * @param index 0 to {@link Optimizer#scalars()} − 1
   * @return a scalar
   */
  public Tensor scalar(int index) {
    return scalars.select(0, index);
  }

  /**
   * The numbers of the step together, for fused operations.
   *
   * @return [{@link Optimizer#scalars()}]
   */
  public Tensor scalars() {
    return scalars;
  }

  /**
   * Whether its group has weight decay at all; if not, the operations for it can be left out.
   *
   * @return false if the group's weight decay is 0
   */
  public boolean decays() {
    return decays;
  }

  /**
   * Whether a schedule moves the momentum, or β₁; if not, it is the optimiser's own at each step,
   * and may be part of a fused operation.
   *
   * @return as the updates were built
   */
  public boolean momentumMoves() {
    return momentumMoves;
  }

  /**
   * Writes the parameter.
   *
   * @param value its new values, of its shape and dtype
   */
  public void assign(Tensor value) {
    write(parameter, value);
  }

  /**
   * Writes state.
   *
   * @param key one of the names of {@link Optimizer#state}
   * @param value its new values, of its shape and dtype
   * @throws OptimizerException if there is none of that name
   */
  public void assign(String key, Tensor value) {
    write(buffer(key), value);
  }

  private void write(Buffer to, Tensor value) {
    to.assign(applies == null ? value : applies.where(value, to.value()));
  }

  private Buffer buffer(String key) {
    Buffer b = state.get(key);
    if (b == null) {
      throw new OptimizerException(
          "[%s] the optimiser has no state '%s'; it declared %s"
              .formatted(name, key, state.keySet()));
    }
    return b;
  }
}
