package dev.quern.transformer.layers;

import dev.quern.core.op.CreateOp;
import dev.quern.core.op.Executor;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.transformer.settings.NamedSettings;
import java.util.List;
import java.util.Map;

/**
 * Fresh weights for models that are not loaded from a file.
 *
 * <p>{@link #of} has initialisers by name, with settings as a configuration has them. Weights are
 * [out, in, ...]; an element has in · (further extents) inputs and out · (further extents) outputs.
 *
 * <table>
 *   <caption>Names, settings with defaults, and what they give</caption>
 *   <tr><td>{@code zeros}, {@code ones}</td><td></td></tr>
 *   <tr><td>{@code constant}</td><td>{@code value}, which must be given</td></tr>
 *   <tr><td>{@code normal}</td><td>{@code mean} 0, {@code deviation} 0.02</td></tr>
 *   <tr><td>{@code truncated_normal}</td><td>{@code mean} 0, {@code deviation} 0.02, {@code cut} 2:
 *       values further from the mean than {@code cut} deviations (at least 1.5) are drawn again, at
 *       most seven times, then moved to the cut; the result's own deviation is smaller</td></tr>
 *   <tr><td>{@code uniform}</td><td>{@code low} 0, {@code high} 1</td></tr>
 *   <tr><td>{@code xavier_uniform}, {@code xavier_normal}</td><td>{@code gain} 1: deviation gain ·
 *       √(2/(inputs + outputs)) (Glorot and Bengio, "Understanding the difficulty of training deep
 *       feedforward neural networks", 2010, equations 12 and 16)</td></tr>
 *   <tr><td>{@code kaiming_uniform}, {@code kaiming_normal}</td><td>{@code negative_slope} a = 0,
 *       {@code fan_out} 0: deviation √(2/((1 + a²) · inputs)), or outputs with {@code fan_out} 1 (He,
 *       Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, equations 10 to 15)</td></tr>
 *   <tr><td>{@code orthogonal}</td><td>{@code gain} 1: rows, or columns if they are fewer, are
 *       orthogonal and of length gain (Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear
 *       dynamics of learning", 2014)</td></tr>
 *   <tr><td>{@code gpt2_residual}</td><td>{@code deviation} 0.02, {@code layers}, which must be given:
 *       normal with deviation/√(2·layers), for maps that end in the residual stream (Radford et al.,
 *       "Language models are unsupervised multitask learners", 2019, section 2.3)</td></tr>
 * </table>
 */
public final class Initializers {
  private Initializers() {}

  /**
   * The names there are.
   *
   * @return in the order of the table
   */
  public static List<String> names() {
    return List.copyOf(NamedInitializers.TABLE.keySet());
  }

  /**
   * An initialiser.
   *
   * @param name one of {@link #names()}
   * @param settings by name
   * @return the initialiser
   * @throws InitializerException for a name or setting that is unknown, missing or out of range
   */
  public static Initializer of(String name, Map<String, Double> settings) {
    NamedInitializers.Entry entry =
        NamedSettings.find("initializer", name, NamedInitializers.TABLE, InitializerException::new);
    return entry
        .make()
        .apply(NamedSettings.check(name, settings, entry.keys(), InitializerException::new));
  }

  /**
   * Normal values; a seed gives the same ones on every machine.
   *
   * @param executor the engine
   * @param deviation standard deviation
   * @param seed any number
   * @param dims extents
   * @return F32 of that shape
   */
  public static Tensor normal(Executor executor, double deviation, long seed, long... dims) {
    return NamedInitializers.normal(executor, ScalarType.F32, seed, 0, dims).mul(deviation);
  }

  /**
   * A linear map with normal weights of deviation 1/√in, without bias.
   *
   * @param executor the engine
   * @param in size of the input's last axis
   * @param out size of the output's last axis
   * @param seed any number
   * @return the layer
   */
  public static Linear linear(Executor executor, long in, long out, long seed) {
    return new Linear(normal(executor, 1 / Math.sqrt((double) in), seed, out, in));
  }

  /**
   * Attention with fresh maps, without rotary embedding.
   *
   * @param executor the engine
   * @param dim extent of the hidden states, a multiple of the heads
   * @param options heads and causality
   * @param seed any number
   * @return the layer
   */
  public static MultiHeadAttention attention(
      Executor executor, long dim, AttentionOptions options, long seed) {
    long kv = dim / options.heads() * options.kvHeads();
    return new MultiHeadAttention(
        linear(executor, dim, dim, seed),
        linear(executor, dim, kv, seed + 1),
        linear(executor, dim, kv, seed + 2),
        linear(executor, dim, dim, seed + 3),
        options,
        null);
  }

  /**
   * A feed-forward layer with fresh maps.
   *
   * @param executor the engine
   * @param dim extent of the hidden states
   * @param hidden extent between the maps
   * @param activation between the maps
   * @param seed any number
   * @return the layer
   */
  public static FeedForward feedForward(
      Executor executor, long dim, long hidden, Activation activation, long seed) {
    return new FeedForward(
        linear(executor, dim, hidden, seed), activation, linear(executor, hidden, dim, seed + 1));
  }

  /**
   * An RMSNorm of unit weights.
   *
   * @param executor the engine
   * @param dim size of the last axis
   * @return the layer, with eps 1e-5
   */
  public static RmsNorm rmsNorm(Executor executor, long dim) {
    return new RmsNorm(executor.one(new CreateOp.Full(ScalarType.F32, Shape.of(dim), 1)), 1e-5f);
  }
}
