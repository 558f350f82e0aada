package dev.quern.transformer.train.optimizer;

import dev.quern.core.autograd.Gradients;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Slot;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The update of named parameters by an {@link Optimizer}: it owns the optimiser's state, clips
 * gradients, undoes loss scaling, and skips a step whose gradients are not finite, if it is asked
 * to.
 *
 * <p>{@link #apply} is written in operations and works the same eagerly and in a recorded plan.
 * What changes from step to step is one small vector, {@link #numbers(StepSettings)}: in a plan a
 * slot of spec {@link #numbers()}, which {@link #set} fills before each replay.
 *
 * {@snippet :
 * try (ParameterUpdates updates =
 *         ParameterUpdates.of(engine, new AdamW(0.9, 0.95, 1e-8, 0.1, false), parameters)
 *             .clipping(GradientClipping.byNorm(1))
 *             .build();
 *     Plan plan = engine.record("step", r -> {
 *       Tensor numbers = r.slot("numbers", updates.numbers());
 *       try (Tape tape = engine.tape()) {
 *         parameters.values().forEach(tape::watch);
 *         Tensor loss = model.loss(r);
 *         r.output("norm", updates.apply(updates.of(tape.backward(loss)), numbers));
 *         r.output("loss", loss);
 *       }
 *     })) {
 *   updates.set(plan.slot("numbers"), new StepSettings(1, 3e-4));
 *   plan.run();
 * }
 * }
 *
 * <p>With {@link Builder#skippingNonFinite} a step is carried out exactly if the norm that {@link
 * #apply} returns is finite; otherwise parameters and state keep their bits.
 *
 * <p>Parameters are F32 or F64. For one thread at a time.
 */
public final class ParameterUpdates implements AutoCloseable {
  /** Places in the vector of numbers before those of the groups. */
  private static final int INVERSE_SCALE = 0;

  private static final int HEAD = 1;

  /**
   * A parameter with what belongs to it.
   *
   * @param group index of its group
   * @param state by the optimiser's names
   */
  private record Entry(String name, Buffer parameter, int group, Map<String, Buffer> state) {}

  private final Engine engine;
  private final Optimizer optimizer;
  private final List<ParameterGroup> groups;
  private final GradientClipping clipping;
  private final boolean skips;
  private final boolean scales;
  private final boolean momentumMoves;
  private final Map<String, Entry> entries;
  private final Map<String, Buffer> state = new LinkedHashMap<>();
  private final ScalarType wide;

  private ParameterUpdates(Builder b) {
    engine = b.engine;
    optimizer = b.optimizer;
    groups = b.groups;
    clipping = b.clipping;
    skips = b.skips;
    scales = b.scales;
    momentumMoves = b.momentumMoves;
    wide =
        b.parameters.values().stream().allMatch(p -> p.spec().dtype() == ScalarType.F32)
            ? ScalarType.F32
            : ScalarType.F64;
    Map<String, Entry> all = new LinkedHashMap<>();
    b.parameters.forEach((name, p) -> all.put(name, entry(name, p, b.group(name, p.spec()))));
    entries = all;
  }

  private Entry entry(String name, Buffer parameter, int group) {
    Map<String, Buffer> own = new LinkedHashMap<>();
    optimizer
        .state(parameter.spec())
        .forEach(
            (key, spec) -> {
              Buffer b = engine.buffer(name + "/" + key, spec);
              own.put(key, b);
              state.put(b.name(), b);
            });
    return new Entry(name, parameter, group, own);
  }

  /**
   * Updates to be configured.
   *
   * @param engine makes the state's buffers
   * @param optimizer the rule
   * @param parameters by name, in the order in which they are updated; they stay the caller's
   * @return a builder with {@link ParameterGroup#usual()}, without clipping
   */
  public static Builder of(Engine engine, Optimizer optimizer, Map<String, Buffer> parameters) {
    return new Builder(engine, optimizer, parameters);
  }

  /** Configures updates. */
  public static final class Builder {
    private final Engine engine;
    private final Optimizer optimizer;
    private final Map<String, Buffer> parameters;
    private List<ParameterGroup> groups = ParameterGroup.usual();
    private GradientClipping clipping = GradientClipping.none();
    private boolean skips;
    private boolean scales;
    private boolean momentumMoves;

    private Builder(Engine engine, Optimizer optimizer, Map<String, Buffer> parameters) {
      this.engine = engine;
      this.optimizer = optimizer;
      this.parameters = new LinkedHashMap<>(parameters);
    }

    /**
     * Treats parameters differently.
     *
     * @param choice the first group that takes a parameter has it; none may be left over
     * @return this
     */
    public Builder groups(List<ParameterGroup> choice) {
      groups = List.copyOf(choice);
      return this;
    }

    /**
     * Clips gradients.
     *
     * @param choice how
     * @return this
     */
    public Builder clipping(GradientClipping choice) {
      clipping = choice;
      return this;
    }

    /**
     * Leaves parameters and state as they are where a gradient is not finite, as a {@link
     * LossScale} that grows needs it. But for fused operations, each new value then passes through
     * one more operation.
     *
     * @return this
     */
    public Builder skippingNonFinite() {
      skips = true;
      return this;
    }

    /**
     * Divides gradients by {@link StepSettings#lossScale}; else that must be 1.
     *
     * @return this
     */
    public Builder lossScaling() {
      scales = true;
      return this;
    }

    /**
     * Lets a schedule move the momentum: {@link StepSettings#momentum}; else that must be NaN.
     *
     * @return this
     */
    public Builder movingMomentum() {
      momentumMoves = true;
      return this;
    }

    /**
     * Makes the state, all zeros.
     *
     * @return the updates, to be closed
     * @throws OptimizerException if there are no parameters, or no group takes one
     * @throws DTypeException if one is neither F32 nor F64
     */
    public ParameterUpdates build() {
      if (parameters.isEmpty()) {
        throw new OptimizerException("[optimizer] there are no parameters; give at least one");
      }
      parameters.forEach((name, p) -> check(name, p.spec()));
      return new ParameterUpdates(this);
    }

    private void check(String name, TensorSpec spec) {
      if (spec.dtype() != ScalarType.F32 && spec.dtype() != ScalarType.F64) {
        throw new DTypeException(
            "[optimizer] parameter '"
                + name
                + "' is "
                + spec
                + "; F32 and F64 are trained: keep it in F32, and for speed compute its products"
                + " with Precision.BF16");
      }
      group(name, spec);
    }

    private int group(String name, TensorSpec spec) {
      for (int i = 0; i < groups.size(); i++) {
        if (groups.get(i).takes().test(name, spec)) {
          return i;
        }
      }
      throw new OptimizerException(
          "[optimizer] parameter '%s' %s is in none of the groups %s; add a group that takes it, or"
                  .formatted(name, spec, groups.stream().map(ParameterGroup::name).toList())
              + " leave it out");
    }
  }

  /**
   * The optimiser.
   *
   * @return as configured
   */
  public Optimizer optimizer() {
    return optimizer;
  }

  /**
   * The optimiser's state, for checkpoints.
   *
   * @return buffers by parameter and state, such as {@code h.0.attn.weight/m}, in a fixed order
   */
  public Map<String, Buffer> state() {
    return Collections.unmodifiableMap(state);
  }

  /**
   * The vector that a step reads its numbers from.
   *
   * @return F32 [n], or F64 if a parameter is
   */
  public TensorSpec numbers() {
    return TensorSpec.of(wide, HEAD + (long) groups.size() * optimizer.scalars());
  }

  /**
   * The numbers of a step: 1/lossScale, then the optimiser's scalars of each group.
   *
   * @param at the step
   * @return as many as {@link #numbers()} has
   * @throws OptimizerException if the loss is scaled or the momentum moved, and these updates don't
   *     expect it
   */
  public double[] numbers(StepSettings at) {
    if (!scales && at.lossScale() != 1) {
      throw new OptimizerException(
          "[step] lossScale is %s, but gradients are not divided by it; build the updates with"
                  .formatted(at.lossScale())
              + " lossScaling()");
    }
    if (!momentumMoves && !Double.isNaN(at.momentum())) {
      throw new OptimizerException(
          "[step] momentum is %s, but the optimiser's own is in use; build the updates with"
                  .formatted(at.momentum())
              + " movingMomentum()");
    }
    int count = optimizer.scalars();
    double[] all = new double[HEAD + groups.size() * count];
    all[INVERSE_SCALE] = 1 / at.lossScale();
    double[] own = new double[count];
    for (int i = 0; i < groups.size(); i++) {
      double rate = at.rate() * groups.get(i).rateScale();
      optimizer.scalars(new StepContext(at.step(), rate, at.momentum(), decay(i)), own);
      System.arraycopy(own, 0, all, HEAD + i * count, count);
    }
    return all;
  }

  private double decay(int group) {
    double own = groups.get(group).weightDecay();
    return Double.isNaN(own) ? optimizer.weightDecay() : own;
  }

  /**
   * Prepares the replay of a step.
   *
   * @param slot of spec {@link #numbers()}
   * @param at the step
   */
  public void set(Slot slot, StepSettings at) {
    double[] values = numbers(at);
    if (wide == ScalarType.F64) {
      slot.set(values);
    } else {
      slot.set(floats(values));
    }
  }

  private static float[] floats(double[] values) {
    float[] rounded = new float[values.length];
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = (float) values[i];
    }
    return rounded;
  }

  /**
   * The gradients that a tape found for the parameters.
   *
   * @param found of a tape that watched all of them
   * @return by parameter
   */
  public Map<String, Tensor> of(Gradients found) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    entries.forEach((name, e) -> all.put(name, found.of(e.parameter())));
    return all;
  }

  /**
   * Updates all parameters, now: the eager form of {@link #apply}.
   *
   * @param gradients by parameter
   * @param at the step
   * @return the norm that {@link #apply} returns
   */
  public double step(Map<String, Tensor> gradients, StepSettings at) {
    try (TensorScope _ = TensorScope.open()) {
      double[] values = numbers(at);
      Tensor n = wide == ScalarType.F64 ? engine.tensor(values) : engine.tensor(floats(values));
      return apply(gradients, n).item();
    }
  }

  /**
   * Updates all parameters, eagerly or recorded.
   *
   * @param gradients by parameter, of its dtype and shape
   * @param numbers of spec {@link #numbers()}, holding {@link #numbers(StepSettings)}
   * @return the 2-norm of all gradients together, after loss scaling is undone and before clipping;
   *     a scalar, F32, or F64 if a parameter is
   * @throws OptimizerException if gradients are missing, or there are some for other parameters
   * @throws ShapeException if a gradient or the numbers have another shape
   * @throws DTypeException if a gradient or the numbers have another dtype
   */
  public Tensor apply(Map<String, Tensor> gradients, Tensor numbers) {
    return apply(gradients, numbers, null);
  }

  /**
   * Updates all parameters as {@link #apply(Map, Tensor)} does, but for a step whose loss is not
   * finite although its gradients are.
   *
   * @param gradients by parameter, of its dtype and shape
   * @param numbers of spec {@link #numbers()}, holding {@link #numbers(StepSettings)}
   * @param loss a scalar; where it is not finite, neither is the norm; null for none
   * @return the norm
   */
  public Tensor apply(Map<String, Tensor> gradients, Tensor numbers, @Nullable Tensor loss) {
    check(gradients, numbers);
    Tensor inverse = scales ? numbers.select(0, INVERSE_SCALE) : null;
    Tensor own = inverse == null ? norm(gradients) : norm(gradients).mul(inverse);
    // Zero times what is not finite is not a number.
    Tensor norm = loss == null ? own : own.add(loss.mul(0).cast(wide));
    Tensor applies = skips ? norm.sub(norm).equal(norm.scalarLike(0)) : null;
    Tensor factor = factor(norm, inverse);
    boolean byValue = clipping instanceof GradientClipping.ByValue;
    Tensor once = factor == null || byValue ? norm.scalarLike(1) : factor;
    Tensor scale = applies == null ? once : applies.where(once, once.scalarLike(Double.NaN));
    Map<ScalarType, Tensor> byType = new LinkedHashMap<>();
    Map<ScalarType, Tensor> scaleByType = new LinkedHashMap<>();
    for (Entry e : entries.values()) {
      ScalarType type = (ScalarType) e.parameter().spec().dtype();
      update(
          e,
          required(gradients, e.name()),
          factor == null ? null : factor.cast(type),
          applies,
          scaleByType.computeIfAbsent(type, scale::cast),
          byType.computeIfAbsent(type, numbers::cast));
    }
    return norm;
  }

  /** What gradients are multiplied with, or null for 1. */
  private @Nullable Tensor factor(Tensor norm, @Nullable Tensor inverse) {
    if (!(clipping instanceof GradientClipping.ByNorm(double max))) {
      return inverse;
    }
    Tensor clip = norm.add(1e-6).reciprocal().mul(max).minimum(norm.scalarLike(1));
    return inverse == null ? clip : inverse.mul(clip);
  }

  private void update(
      Entry e,
      Tensor raw,
      @Nullable Tensor by,
      @Nullable Tensor applies,
      Tensor scale,
      Tensor numbers) {
    int count = optimizer.scalars();
    Tensor own = numbers.slice(0, HEAD + (long) e.group() * count, count);
    Tensor g = raw;
    Tensor factor = by;
    if (clipping instanceof GradientClipping.ByValue(double max)) {
      g = (by == null ? raw : raw.mul(by)).clip(-max, max);
      factor = null;
    }
    boolean decays = decay(e.group()) != 0;
    optimizer.update(
        new ParameterUpdate(
            e.name(),
            e.parameter(),
            e.state(),
            g,
            factor,
            applies,
            scale,
            own,
            decays,
            momentumMoves));
  }

  private Tensor norm(Map<String, Tensor> gradients) {
    List<Tensor> squares = new ArrayList<>();
    for (String name : entries.keySet()) {
      Tensor g = required(gradients, name);
      squares.add(g.mul(g).sum().cast(wide));
    }
    Tensor[] rest = squares.subList(1, squares.size()).toArray(Tensor[]::new);
    return squares.getFirst().stack(0, rest).sum().sqrt();
  }

  private static Tensor required(Map<String, Tensor> gradients, String name) {
    Tensor g = gradients.get(name);
    if (g == null) {
      throw new OptimizerException(
          "[optimizer] there is no gradient for parameter '"
              + name
              + "'; there are gradients for "
              + gradients.keySet());
    }
    return g;
  }

  private void check(Map<String, Tensor> gradients, Tensor numbers) {
    same("the step's numbers", numbers(), numbers.spec());
    for (Map.Entry<String, Tensor> g : gradients.entrySet()) {
      Entry e = entries.get(g.getKey());
      if (e == null) {
        throw new OptimizerException(
            "[optimizer] gradient '"
                + g.getKey()
                + "' belongs to none of the parameters "
                + entries.keySet());
      }
      same("the gradient of '" + g.getKey() + "'", e.parameter().spec(), g.getValue().spec());
    }
  }

  private static void same(String what, TensorSpec wanted, TensorSpec found) {
    String message = "[optimizer] " + what + " must be " + wanted + ", not " + found;
    if (!wanted.shape().equals(found.shape())) {
      throw new ShapeException(message);
    }
    if (wanted.dtype() != found.dtype()) {
      throw new DTypeException(message);
    }
  }

  /** Gives the state's memory back; the parameters stay. */
  @Override
  public void close() {
    state.values().forEach(Buffer::close);
  }
}
