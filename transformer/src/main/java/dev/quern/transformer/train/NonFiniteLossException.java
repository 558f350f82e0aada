package dev.quern.transformer.train;

import java.io.Serial;

/** A loss or gradient that is infinite or not a number. */
public final class NonFiniteLossException extends TrainingException {
  @Serial private static final long serialVersionUID = 1L;

  private final long step;
  private final String place;

  /**
   * An error.
   *
   * @param step whose update was not made, from 1
   * @param place where the first such value was seen
   * @param message what, where and the remedy
   */
  NonFiniteLossException(long step, String place, String message) {
    super(message);
    this.step = step;
    this.place = place;
  }

  /**
   * When.
   *
   * @return the step, from 1; its update was not made
   */
  public long step() {
    return step;
  }

  /**
   * Where the first value was that is not finite.
   *
   * @return a weight, a layer such as {@code blocks.3}, the outputs, the loss, or the gradient of a
   *     layer or a weight
   */
  public String place() {
    return place;
  }
}
