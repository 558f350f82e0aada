package dev.quern.transformer.decode;

import java.util.List;

/**
 * Looks for stop strings in text that comes in pieces. Text that may be the beginning of a stop
 * string is held back until that is decided. Of several stop strings the one that is complete first
 * counts, so that the result does not depend on how the text is cut.
 */
public final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  /**
   * A search.
   *
   * @param stops none empty
   * @throws IllegalArgumentException if one is empty
   */
  public StopStrings(List<String> stops) {
    if (stops.contains("")) {
      throw new IllegalArgumentException("[stop] an empty stop string would stop at once");
    }
    this.stops = List.copyOf(stops);
  }

  /**
   * Takes the next piece.
   *
   * @param text any text
   * @return what is certain not to belong to a stop string; after one was found, nothing more
   */
  public String push(String text) {
    if (found) {
      return "";
    }
    held.append(text);
    int first = -1;
    int end = Integer.MAX_VALUE;
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0 && (at + stop.length() < end || (at + stop.length() == end && at < first))) {
        first = at;
        end = at + stop.length();
      }
    }
    if (first >= 0) {
      found = true;
      String before = held.substring(0, first);
      held.setLength(0);
      return before;
    }
    int keep = undecided();
    String sure = held.substring(0, held.length() - keep);
    held.delete(0, held.length() - keep);
    return sure;
  }

  /** Length of the longest end of the held text that begins a stop string. */
  private int undecided() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
        if (stop.startsWith(held.substring(held.length() - n))) {
          longest = n;
        }
      }
    }
    return longest;
  }

  /**
   * Whether a stop string was found.
   *
   * @return true from then on
   */
  public boolean found() {
    return found;
  }

  /**
   * The held text, when no more can follow.
   *
   * @return what was held back
   */
  public String flush() {
    String rest = held.toString();
    held.setLength(0);
    return rest;
  }
}
