package dev.quern.transformer.data;

import java.util.List;

/**
 * Examples that stand in more than one part of a split.
 *
 * @param count how many examples of a later part also stand in an earlier one
 * @param leaks the first of them
 */
public record LeakReport(long count, List<Leak> leaks) {
  /**
   * An example that stands in two parts.
   *
   * @param part name of the earlier part
   * @param index of the example there
   * @param otherPart name of the later part
   * @param otherIndex of the example there
   */
  public record Leak(String part, long index, String otherPart, long otherIndex) {
    /** Such as {@code validation[3] = train[17]}. */
    @Override
    public String toString() {
      return otherPart + "[" + otherIndex + "] = " + part + "[" + index + "]";
    }
  }

  /** Copies the list. */
  public LeakReport {
    leaks = List.copyOf(leaks);
  }

  /**
   * Insists that there are none.
   *
   * @throws LeakException if there are
   */
  public void requireNone() {
    if (count > 0) {
      throw new LeakException(this);
    }
  }

  /** What was found, in one line. */
  @Override
  public String toString() {
    return count == 0
        ? "no example stands in two parts"
        : count + " examples stand in two parts, such as " + leaks.getFirst();
  }
}
