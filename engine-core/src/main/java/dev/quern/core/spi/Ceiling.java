package dev.quern.core.spi;

/** A limit of this machine, as a loop reaches it that does nothing else. */
public enum Ceiling {
  /** Streaming reads of far more memory than the caches hold. */
  MEMORY_READ("read from memory", "GB/s"),
  /** Streaming reads of what the last-level cache holds and the others don't. */
  CACHE_READ("read from the last-level cache", "GB/s"),
  /** F32 multiply-adds in vector registers; each is two operations. */
  F32_FMA("F32 multiply-add, registers", "GFLOP/s"),
  /** Dot products of bytes with 32-bit sums, in vector registers. */
  INT8_DOT("INT8 dot product, registers", "GOP/s"),
  /** Dot products of BF16 pairs with F32 sums, in vector registers. */
  BF16_DOT("BF16 dot product, registers", "GFLOP/s"),
  /** Products of BF16 tiles that stay in the tile unit's registers. */
  BF16_TILES("BF16 tiles, registers", "GFLOP/s"),
  /** The same with four tiles loaded from the second-level cache for every four products. */
  BF16_TILES_CACHE("BF16 tiles, from the L2 cache", "GFLOP/s"),
  /** Products of INT8 tiles that stay in the tile unit's registers. */
  INT8_TILES("INT8 tiles, registers", "GOP/s"),
  /** The same with four tiles loaded from the second-level cache for every four products. */
  INT8_TILES_CACHE("INT8 tiles, from the L2 cache", "GOP/s");

  private final String label;
  private final String unit;

  Ceiling(String label, String unit) {
    this.label = label;
    this.unit = unit;
  }

  /**
   * What it limits, for people.
   *
   * @return a phrase
   */
  public String label() {
    return label;
  }

  /**
   * The unit of a rate per nanosecond.
   *
   * @return {@code GB/s}, {@code GFLOP/s} or {@code GOP/s}
   */
  public String unit() {
    return unit;
  }
}
