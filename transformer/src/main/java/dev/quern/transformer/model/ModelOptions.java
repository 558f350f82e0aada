package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import org.jspecify.annotations.Nullable;

/**
 * How a model is opened.
 *
 * @param engine runs it and is not closed with it; null for an engine of its own
 * @param threads of its own engine; null for that engine's default
 * @param precision of its own engine
 * @param cacheDType F32|F16|BF16|Q8_0: how sessions store keys and values; null for F16 if most of
 *     the weights have 16 bits or fewer and precision is not EXACT, else F32
 * @param withTokenizer whether the tokenizer is opened too; a model without one takes and gives
 *     token ids alone
 */
public record ModelOptions(
    @Nullable Engine engine,
    @Nullable Integer threads,
    Precision precision,
    @Nullable DType cacheDType,
    boolean withTokenizer) {
  /** An engine of its own with the defaults, caches that suit the weights, and the tokenizer. */
  public static final ModelOptions DEFAULT =
      new ModelOptions(null, null, Precision.AUTO, null, true);

  /**
   * Checks that an engine is either given or described.
   *
   * @throws IllegalArgumentException if an engine is given and threads or precision as well
   */
  public ModelOptions {
    if (engine != null && (threads != null || precision != Precision.AUTO)) {
      throw new IllegalArgumentException(
          "[model] threads and precision belong to the given engine; set them in its builder");
    }
  }

  /**
   * A given engine, and the defaults.
   *
   * @param engine runs the model and is not closed with it
   * @return the options
   */
  public static ModelOptions of(Engine engine) {
    return new ModelOptions(engine, null, Precision.AUTO, null, true);
  }

  /**
   * The same with another number of threads.
   *
   * @param count of the model's own engine; at least 1
   * @return new options
   */
  public ModelOptions withThreads(int count) {
    return new ModelOptions(engine, count, precision, cacheDType, withTokenizer);
  }

  /**
   * The same with another precision.
   *
   * @param chosen of the model's own engine
   * @return new options
   */
  public ModelOptions withPrecision(Precision chosen) {
    return new ModelOptions(engine, threads, chosen, cacheDType, withTokenizer);
  }

  /**
   * The same with another type of caches.
   *
   * @param dtype F32|F16|BF16|Q8_0
   * @return new options
   */
  public ModelOptions withCache(DType dtype) {
    return new ModelOptions(engine, threads, precision, dtype, withTokenizer);
  }

  /**
   * The same without a tokenizer, for work on token ids: opens faster, and models whose vocabulary
   * is missing or not supported.
   *
   * @return new options
   */
  public ModelOptions withoutTokenizer() {
    return new ModelOptions(engine, threads, precision, cacheDType, false);
  }

  /** The engine that is meant: the given one, or a new one. */
  Engine openEngine() {
    if (engine != null) {
      return engine;
    }
    Engine.Builder builder = Engine.builder().precision(precision);
    return (threads == null ? builder : builder.threads(threads)).build();
  }
}
