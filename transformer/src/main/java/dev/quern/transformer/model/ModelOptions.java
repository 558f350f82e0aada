package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * How a model is opened.
 *
 * @param engine runs it and is not closed with it; null for an engine of its own with the defaults
 * @param cacheDType F32|F16|BF16: how sessions store keys and values
 */
public record ModelOptions(@Nullable Engine engine, ScalarType cacheDType) {
  /** An engine of its own, and F32 caches. */
  public static final ModelOptions DEFAULT = new ModelOptions(null, ScalarType.F32);

  /**
   * A given engine, and F32 caches.
   *
   * @param engine runs the model and is not closed with it
   * @return the options
   */
  public static ModelOptions of(Engine engine) {
    return new ModelOptions(engine, ScalarType.F32);
  }
}
