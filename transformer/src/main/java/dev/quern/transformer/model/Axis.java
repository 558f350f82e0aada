package dev.quern.transformer.model;

/**
 * One axis of a tensor in a signature.
 *
 * @param name for example {@code batch}; axes of one name have one extent within a call
 * @param min least extent
 * @param max largest extent
 */
public record Axis(String name, long min, long max) {

  /**
   * Checks the bounds.
   *
   * @throws IllegalArgumentException if min exceeds max or is negative
   */
  public Axis {
    if (min < 0 || min > max) {
      throw new IllegalArgumentException("axis '" + name + "': bounds " + min + ".." + max);
    }
  }

  /**
   * An axis of any extent from 1.
   *
   * @param name its name
   * @return the axis
   */
  public static Axis of(String name) {
    return new Axis(name, 1, Long.MAX_VALUE);
  }

  /**
   * An axis of any extent from 1 to a bound.
   *
   * @param name its name
   * @param max largest extent
   * @return the axis
   */
  public static Axis upTo(String name, long max) {
    return new Axis(name, 1, max);
  }

  /**
   * An axis of one extent.
   *
   * @param name its name
   * @param extent the extent
   * @return the axis
   */
  public static Axis fixed(String name, long extent) {
    return new Axis(name, extent, extent);
  }

  /**
   * The axis in short.
   *
   * @return {@code batch}, {@code length<=512} or {@code vocabulary=320}
   */
  @Override
  public String toString() {
    return min == max ? name + "=" + min : max == Long.MAX_VALUE ? name : name + "<=" + max;
  }
}
