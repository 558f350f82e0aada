package dev.quern.transformer.decode;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import org.jspecify.annotations.Nullable;

/**
 * How a session works.
 *
 * @param batch number of sequences
 * @param capacity how many tokens each sequence may have
 * @param cacheDType F32|F16|BF16|F8_E4M3|Q8_0: how keys and values are stored; null leaves it to
 *     the model that opens the session, and means F32 without one
 * @param prefillTokens how many tokens of a prompt are computed at once
 */
public record SessionOptions(
    int batch, int capacity, @Nullable DType cacheDType, int prefillTokens) {
  private static final int PREFILL_TOKENS = 512;

  /**
   * Checks the values.
   *
   * @throws DTypeException if the cache can't be of that type
   * @throws IllegalArgumentException if a number is not positive
   */
  public SessionOptions {
    if (cacheDType != null) {
      KvCache.checkDType(cacheDType);
    }
    if (batch < 1 || capacity < 1 || prefillTokens < 1) {
      throw new IllegalArgumentException(
          "[session] batch "
              + batch
              + ", capacity "
              + capacity
              + " and prefillTokens "
              + prefillTokens
              + " must be at least 1");
    }
  }

  /**
   * The model's cache type and prefill in chunks of 512 tokens.
   *
   * @param batch number of sequences
   * @param capacity how many tokens each sequence may have
   * @return the options
   */
  public static SessionOptions of(int batch, int capacity) {
    return new SessionOptions(batch, capacity, null, PREFILL_TOKENS);
  }

  /**
   * The same with another element type of the cache.
   *
   * @param dtype F32|F16|BF16|F8_E4M3|Q8_0
   * @return new options
   */
  public SessionOptions withCache(DType dtype) {
    return new SessionOptions(batch, capacity, dtype, prefillTokens);
  }

  /**
   * The same with another prefill size.
   *
   * @param tokens how many tokens of a prompt are computed at once
   * @return new options
   */
  public SessionOptions withPrefill(int tokens) {
    return new SessionOptions(batch, capacity, cacheDType, tokens);
  }
}
