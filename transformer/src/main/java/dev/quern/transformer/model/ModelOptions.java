package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.Device;
import dev.quern.core.type.Precision;
import org.jspecify.annotations.Nullable;

/**
 * How a model is opened.
 *
 * @param engine runs it and is not closed with it; null for an engine of its own
 * @param threads of its own engine; null for that engine's default
 * @param precision of its own engine
 * @param device of its own engine: where weights, caches and all that is computed are
 * @param cacheDType F32|F16|BF16|F8_E4M3|Q8_0: how sessions store keys and values; null for F16 if
 *     most of the weights have 16 bits or fewer and precision is not EXACT, else F32
 * @param withTokenizer whether the tokenizer is opened too; a model without one takes and gives
 *     token ids alone
 */
public record ModelOptions(
    @Nullable Engine engine,
    @Nullable Integer threads,
    Precision precision,
    Device device,
    @Nullable DType cacheDType,
    boolean withTokenizer) {
  /** An engine of its own with the defaults, caches that suit the weights, and the tokenizer. */
  public static final ModelOptions DEFAULT =
      new ModelOptions(null, null, Precision.AUTO, Device.CPU, null, true);

  /**
   * Checks that an engine is either given or described.
   *
   * @throws IllegalArgumentException if an engine is given and threads, precision or device as well
   */
  public ModelOptions {
    boolean described =
        threads != null || precision != Precision.AUTO || !device.equals(Device.CPU);
    if (engine != null && described) {
      throw new IllegalArgumentException(
          "[model] threads, precision and device belong to the given engine; set them in its"
              + " builder");
    }
  }

  /**
   * A given engine, and the defaults.
   *
   * @param engine runs the model and is not closed with it
   * @return the options
   */
  public static ModelOptions of(Engine engine) {
    return new ModelOptions(engine, null, Precision.AUTO, Device.CPU, null, true);
  }

  /**
   * The same with another number of threads.
   *
   * @param count of the model's own engine; at least 1
   * @return new options
   */
  public ModelOptions withThreads(int count) {
    return new ModelOptions(engine, count, precision, device, cacheDType, withTokenizer);
  }

  /**
   * The same with another precision.
   *
   * @param chosen of the model's own engine
   * @return new options
   */
  public ModelOptions withPrecision(Precision chosen) {
    return new ModelOptions(engine, threads, chosen, device, cacheDType, withTokenizer);
  }

  /**
   * The same on another device.
   *
   * @param chosen of the model's own engine, such as {@code Device.cuda(0)}; opening throws {@link
   *     dev.quern.core.type.DeviceException} if there is none, or it can't be used
   * @return new options
   */
  public ModelOptions withDevice(Device chosen) {
    return new ModelOptions(engine, threads, precision, chosen, cacheDType, withTokenizer);
  }

  /**
   * The same with another type of caches.
   *
   * @param dtype F32|F16|BF16|F8_E4M3|Q8_0
   * @return new options
   */
  public ModelOptions withCache(DType dtype) {
    return new ModelOptions(engine, threads, precision, device, dtype, withTokenizer);
  }

  /**
   * The same without a tokenizer, for work on token ids: opens faster, and models whose vocabulary
   * is missing or not supported.
   *
   * @return new options
   */
  public ModelOptions withoutTokenizer() {
    return new ModelOptions(engine, threads, precision, device, cacheDType, false);
  }

  /** The engine that is meant: the given one, or a new one. */
  Engine openEngine() {
    if (engine != null) {
      return engine;
    }
    Engine.Builder builder = Engine.builder().precision(precision).device(device);
    return (threads == null ? builder : builder.threads(threads)).build();
  }
}
