package dev.quern.kernels.cuda.kernel;

import java.util.List;

/**
 * One of the calls that can compute a product.
 *
 * @param call computes it
 * @param order of its sums
 */
record Candidate(NamedRunnable call, Order order) {
  /**
   * In which order a kernel adds up the products of a result. Two calls of one order give the same
   * bits, whatever their tiles.
   *
   * @param source of the kernel: its instruction, and the steps of k that it multiplies at once
   * @param shares of each step that warps add up on their own
   * @param pieces of k that blocks add up on their own; their number alone says where k is cut
   */
  record Order(String source, int shares, int pieces) {}

  /**
   * The calls that add in the order of the first, which a shape and a device decide. So which of
   * them is taken may depend on timings, and bits don't.
   */
  static List<NamedRunnable> likeFirst(List<Candidate> all) {
    return all.stream()
        .filter(c -> c.order.equals(all.getFirst().order))
        .map(Candidate::call)
        .toList();
  }
}
