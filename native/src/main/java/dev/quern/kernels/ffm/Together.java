package dev.quern.kernels.ffm;

import java.util.List;

/**
 * Parts with the same number of slices as one: a slice of each after the other, by one thread,
 * which finds in its cache the rows that they all read or add to.
 *
 * @param parts in this order
 */
record Together(List<Part> parts) implements Part {

  /** Whether parts have the same number of slices. */
  static boolean takes(List<Part> parts) {
    return parts.stream().mapToInt(Part::slices).distinct().count() == 1;
  }

  @Override
  public int slices() {
    return parts.getFirst().slices();
  }

  @Override
  public void run(int slice) {
    for (Part p : parts) {
      p.run(slice);
    }
  }
}
