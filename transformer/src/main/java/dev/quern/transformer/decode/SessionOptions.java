package dev.quern.transformer.decode;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import org.jspecify.annotations.Nullable;

/**
 * How a session works.
 *
 * @param batch number of sequences
 * @param capacity how many tokens each sequence may have; with a pool that is no memory yet
 * @param cacheDType F32|F16|BF16|F8_E4M3|Q8_0: how keys and values are stored; null leaves it to
 *     the model that opens the session, and means F32 without one; with a pool it is the pool's
 * @param prefillTokens how many tokens of a prompt are computed at once
 * @param pages where keys and values are kept together with other sessions', or null for memory of
 *     the session's own, enough for its capacity
 */
public record SessionOptions(
    int batch,
    int capacity,
    @Nullable DType cacheDType,
    int prefillTokens,
    @Nullable PagePool pages) {
  private static final int PREFILL_TOKENS = 512;

  /**
   * Checks the values.
   *
   * @throws DTypeException if the cache can't be of that type, or the pool is of another
   * @throws IllegalArgumentException if a number is not positive
   */
  public SessionOptions {
    if (cacheDType != null) {
      KvCache.checkDType(cacheDType);
    }
    if (pages != null && cacheDType != null && pages.dtype() != cacheDType) {
      throw new DTypeException(
          "[session] its cache shall be "
              + cacheDType.name()
              + " in pages that are "
              + pages.dtype().name()
              + "; leave its type to the pool");
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
    return new SessionOptions(batch, capacity, null, PREFILL_TOKENS, null);
  }

  /**
   * The same with another element type of the cache.
   *
   * @param dtype F32|F16|BF16|F8_E4M3|Q8_0
   * @return new options
   */
  public SessionOptions withCache(DType dtype) {
    return new SessionOptions(batch, capacity, dtype, prefillTokens, pages);
  }

  /**
   * The same with another prefill size.
   *
   * @param tokens how many tokens of a prompt are computed at once
   * @return new options
   */
  public SessionOptions withPrefill(int tokens) {
    return new SessionOptions(batch, capacity, cacheDType, tokens, pages);
  }

  /**
   * The same with keys and values in pages that other sessions share.
   *
   * @param pool of the same engine, for a model of as many blocks and heads; closed after the
   *     session
   * @return new options
   */
  public SessionOptions withPages(PagePool pool) {
    return new SessionOptions(batch, capacity, cacheDType, prefillTokens, pool);
  }

  /** The same with another number of sequences. */
  SessionOptions withBatch(int sequences) {
    return new SessionOptions(sequences, capacity, cacheDType, prefillTokens, pages);
  }
}
