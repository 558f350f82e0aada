package dev.quern.kernels.cuda.memory;

/**
 * What a pool has.
 *
 * @param budgetBytes what it may reserve
 * @param reservedBytes what the driver gave it
 * @param heldBytes what tensors, plans and calls hold of that
 * @param peakHeldBytes the most that was held at once
 * @param takes how often memory was taken
 * @param reservations how often the driver was asked, which is slow
 */
public record MemoryStatistics(
    long budgetBytes,
    long reservedBytes,
    long heldBytes,
    long peakHeldBytes,
    long takes,
    long reservations) {

  /**
   * What is reserved and not held: kept for reuse.
   *
   * @return bytes
   */
  public long cachedBytes() {
    return reservedBytes - heldBytes;
  }
}
