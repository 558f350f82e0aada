package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Philox;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Slot;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.AttentionContext;

/**
 * The recorded step whose choice is the next step's token: tokens, positions and what was chosen
 * are buffers on the engine's device, so that steps follow each other without the host in between.
 */
final class DecodeLoop implements AutoCloseable {
  /** As many tokens are chosen before the host looks at them. */
  static final int MOST_STEPS = 32;

  private final Engine engine;
  private final KvCache cache;
  private final SamplingOptions sampling;
  private final Buffer tokens;
  private final Buffer starts;
  private final Buffer step;
  private final Buffer chosen;
  private final LogitAdjustment adjustment;
  private final Plan plan;
  private final Slot advances;
  private final Slot uniforms;

  /** Records it. */
  DecodeLoop(Engine engine, Decoder model, KvCache cache, SamplingOptions sampling) {
    this.engine = engine;
    this.cache = cache;
    this.sampling = sampling;
    int batch = cache.batch();
    tokens = engine.buffer("tokens", TensorSpec.of(ScalarType.I32, batch, 1));
    starts = engine.buffer("starts", TensorSpec.of(ScalarType.I32, batch));
    step = engine.buffer("step", TensorSpec.of(ScalarType.I32, 1));
    chosen = engine.buffer("chosen", TensorSpec.of(ScalarType.I32, batch, MOST_STEPS));
    int vocabulary = model.dimensions().vocabulary();
    adjustment = new LogitAdjustment(engine, sampling, batch, vocabulary, cache.capacity());
    try {
      plan = record(model);
    } catch (RuntimeException e) { // a bias that names no token
      closeBuffers();
      throw e;
    }
    advances = plan.slot("advances");
    uniforms = plan.slot("uniforms");
  }

  private Plan record(Decoder model) {
    int batch = cache.batch();
    return engine.record(
        "decode loop",
        r -> {
          Tensor advance = r.slot("advances", TensorSpec.of(ScalarType.I32, batch));
          Tensor uniform = r.slot("uniforms", TensorSpec.of(ScalarType.F64, batch, MOST_STEPS));
          Tensor start = starts.value();
          Tensor positions = start.mul(advance).reshape(batch, 1); // 0 for idle ones
          AttentionContext context = new AttentionContext(positions, start, null, null);
          Tensor hidden = model.forward(tokens.value(), context, cache.layers());
          Tensor logits = model.logits(hidden.reshape(batch, model.dimensions().dim()));
          Tensor number = step.value().reshape(1, 1).expand(Shape.of(batch, 1));
          Tensor draw = uniform.gather(1, number.contiguous());
          Tensor next =
              TensorSampling.choose(logits.cast(ScalarType.F32), sampling, draw, adjustment)
                  .cast(ScalarType.I32);
          Tensor now = engine.arange(ScalarType.I32, 0, 1, MOST_STEPS).equal(step.value());
          chosen.assign(now.where(next, chosen.value()));
          adjustment.add(next);
          tokens.assign(next);
          starts.assign(start.add(advance));
          step.assign(step.value().add(step.value().scalarLike(1)));
        });
  }

  /** Whether it chooses as options say, whatever their seed. */
  boolean chooses(SamplingOptions o) {
    return sampling.withSeed(o.seed()).equals(o);
  }

  /** Says what came before the next {@link #run}; later ones go on from there. */
  void begin(TokenHistory... histories) {
    try (TensorScope _ = TensorScope.open("token histories")) {
      adjustment.load(histories);
    }
  }

  /** The plan itself. */
  Plan plan() {
    return plan;
  }

  /**
   * Appends tokens and all but the last of those that follow them.
   *
   * @param first one per sequence, or {@link Session#IDLE}
   * @param count how many steps, at most {@link #MOST_STEPS}
   * @param seed sequence i draws as a sampler of seed + i does
   * @param draws how often that has drawn before
   * @return [batch][count]: what was chosen; meaningless for idle sequences
   */
  int[][] run(int[] first, int count, long seed, long draws) {
    int batch = first.length;
    int[] begin = new int[batch];
    int[] at = new int[batch];
    for (int i = 0; i < batch; i++) {
      boolean idle = first[i] == Session.IDLE;
      begin[i] = idle ? 0 : first[i];
      at[i] = idle ? cache.idleRow() : cache.length(i);
      advances.set((long) i, idle ? 0 : 1);
    }
    if (sampling.temperature() != 0) {
      draw(batch, count, seed, draws);
    }
    try (TensorScope _ = TensorScope.open("decode loop")) {
      tokens.assign(engine.tensor(begin, batch, 1));
      starts.assign(engine.tensor(at));
      step.assign(engine.tensor(new int[] {0}));
      plan.run(count);
      return rows(chosen.value().toLongs(), batch, count);
    }
  }

  private void draw(int batch, int count, long seed, long draws) {
    double[] u = new double[batch * MOST_STEPS];
    for (int i = 0; i < batch; i++) {
      for (int s = 0; s < count; s++) {
        u[i * MOST_STEPS + s] = Philox.uniform(seed + i, draws + s);
      }
    }
    uniforms.set(u);
  }

  private static int[][] rows(long[] all, int batch, int count) {
    int[][] rows = new int[batch][count];
    for (int i = 0; i < batch; i++) {
      for (int s = 0; s < count; s++) {
        rows[i][s] = Math.toIntExact(all[i * MOST_STEPS + s]);
      }
    }
    return rows;
  }

  @Override
  public void close() {
    plan.close();
    closeBuffers();
  }

  private void closeBuffers() {
    adjustment.close();
    chosen.close();
    step.close();
    starts.close();
    tokens.close();
  }
}
