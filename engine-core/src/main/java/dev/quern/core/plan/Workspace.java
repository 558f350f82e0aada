package dev.quern.core.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Places values in one segment so that those alive at the same time don't overlap.
 *
 * <p>Greedy by size: the largest first, each at the lowest offset that is free during its life.
 * That is within a few percent of optimal for the chains that networks are, and simple.
 */
final class Workspace {
  /** A value's life, in step numbers, and its place once planned. */
  static final class Value {
    final long bytes;
    int firstStep;
    int lastStep;
    long offsetBytes; // of an empty value 0, whether it is placed or not

    Value(long bytes) {
      this.bytes = bytes;
    }

    void madeAt(int step) {
      firstStep = step;
      lastStep = step;
    }

    void readAt(int step) {
      lastStep = Math.max(lastStep, step);
    }

    boolean meets(Value o) {
      return firstStep <= o.lastStep && o.firstStep <= lastStep;
    }
  }

  private static final long ALIGNMENT_BYTES = 64;

  private Workspace() {}

  /**
   * Sets the offset of each value.
   *
   * @param values all values
   * @return bytes that the segment needs
   */
  static long place(List<Value> values) {
    List<Value> bySize = new ArrayList<>(values);
    bySize.sort(Comparator.comparingLong((Value v) -> v.bytes).reversed());
    List<Value> placed = new ArrayList<>();
    long total = 0;
    for (Value v : bySize) {
      long offset = 0;
      for (Value p : placed) { // sorted by offset
        if (p.meets(v)) {
          if (p.offsetBytes - offset >= v.bytes) {
            break;
          }
          offset = Math.max(offset, align(p.offsetBytes + p.bytes));
        }
      }
      v.offsetBytes = offset;
      total = Math.max(total, offset + v.bytes);
      int at = 0;
      while (at < placed.size() && placed.get(at).offsetBytes <= offset) {
        at++;
      }
      placed.add(at, v);
    }
    return align(total);
  }

  private static long align(long bytes) {
    return (bytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
  }
}
