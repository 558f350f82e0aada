package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Slot;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.AttentionCache;
import dev.quern.transformer.layers.AttentionContext;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A batch of sequences being decoded: prompts are computed eagerly in chunks, single tokens by
 * replaying one plan, recorded once. For one thread.
 */
public final class Session implements AutoCloseable {
  /** In {@link #step}: this sequence sits the step out. */
  public static final int IDLE = -1;

  private final Engine engine;
  private final Decoder model;
  private final SessionOptions options;
  private final Runnable beforePrefill;
  private final KvCache cache;
  private @Nullable Plan plan;
  private int recordings;
  private boolean closed;

  private Session(
      Engine engine, Decoder model, SessionOptions options, Runnable beforePrefill, KvCache cache) {
    this.engine = engine;
    this.model = model;
    this.options = options;
    this.beforePrefill = beforePrefill;
    this.cache = cache;
  }

  /**
   * Opens a session.
   *
   * @param engine runs it
   * @param model stays open as long as the session is used
   * @param options batch, capacity, cache
   * @return the session, to be closed
   */
  public static Session open(Engine engine, Decoder model, SessionOptions options) {
    return open(engine, model, options, () -> {});
  }

  /**
   * Opens a session over a mapped model.
   *
   * @param engine runs it
   * @param model stays open as long as the session is used
   * @param options batch, capacity, cache
   * @param beforePrefill asked before each prefill whether the model's file is still whole
   * @return the session, to be closed
   */
  public static Session open(
      Engine engine, Decoder model, SessionOptions options, Runnable beforePrefill) {
    Decoder.Dimensions d = model.dimensions();
    if (options.capacity() > d.contextLength()) {
      throw new ContextLengthException(
          "[session] a capacity of "
              + options.capacity()
              + " tokens exceeds the model's context of "
              + d.contextLength()
              + "; ask for less");
    }
    KvCache cache =
        new KvCache(engine, d, options.cacheDType(), options.batch(), options.capacity());
    return new Session(engine, model, options, beforePrefill, cache);
  }

  /**
   * The model.
   *
   * @return as it was given
   */
  public Decoder model() {
    return model;
  }

  /**
   * Its keys and values; truncate or reorder them between calls.
   *
   * @return the cache
   */
  public KvCache cache() {
    return cache;
  }

  /**
   * How often a plan was recorded.
   *
   * @return 0 before the first step, then 1
   */
  public int recordings() {
    return recordings;
  }

  /**
   * The plan that steps replay, for {@code explain}.
   *
   * @return the plan; recorded now if there was no step yet
   */
  public Plan plan() {
    requireOpen();
    if (plan == null) {
      plan = record();
    }
    return plan;
  }

  /**
   * Appends tokens to a sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param tokens at least one
   * @return [vocabulary]: the logits after the last token
   * @throws ContextLengthException if they don't fit
   */
  public float[] prefill(int sequence, int... tokens) {
    return prefill(sequence, tokens, 1);
  }

  /**
   * Appends tokens to a sequence and gives the logits after each.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param tokens at least one
   * @return [tokens · vocabulary], row by row
   * @throws ContextLengthException if they don't fit
   */
  public float[] prefillAll(int sequence, int... tokens) {
    return prefill(sequence, tokens, tokens.length);
  }

  private float[] prefill(int sequence, int[] tokens, int wanted) {
    requireOpen();
    if (tokens.length == 0) {
      throw new ShapeException("[session] prefill needs at least one token");
    }
    cache.requireRoom(sequence, tokens.length);
    for (int t : tokens) {
      checkToken(t);
    }
    beforePrefill.run();
    int vocabulary = model.dimensions().vocabulary();
    float[] logits = new float[Math.multiplyExact(wanted, vocabulary)];
    List<? extends AttentionCache> layers = cache.layers(sequence);
    for (int from = 0; from < tokens.length; from += options.prefillTokens()) {
      int to = Math.min(tokens.length, from + options.prefillTokens());
      int rows = Math.min(to - from, Math.max(0, to - (tokens.length - wanted)));
      try (TensorScope _ = TensorScope.open("prefill")) {
        int start = cache.length(sequence);
        Tensor hidden =
            model.forward(
                engine.tensor(Arrays.copyOfRange(tokens, from, to), 1, to - from),
                context(start, to - from),
                layers);
        if (rows > 0) {
          float[] part = model.logits(hidden.slice(1, to - from - rows, rows)).toFloats();
          int at = to - rows - (tokens.length - wanted);
          System.arraycopy(part, 0, logits, at * vocabulary, part.length);
        }
        cache.advance(sequence, to - from);
      }
    }
    return logits;
  }

  private AttentionContext context(int start, int count) {
    int[] positions = new int[count];
    Arrays.setAll(positions, i -> start + i);
    return new AttentionContext(
        engine.tensor(positions, 1, count), engine.tensor(new int[] {start}), null, null);
  }

  /**
   * Appends one token to each sequence.
   *
   * @param tokens one per sequence; {@link #IDLE} for a sequence that sits this step out
   * @return [batch][vocabulary]: the logits after each token; meaningless for idle sequences
   * @throws ContextLengthException if a sequence is full
   */
  public float[][] step(int... tokens) {
    if (tokens.length != cache.batch()) {
      throw new ShapeException(
          "[session] step takes one token per sequence ("
              + cache.batch()
              + "), got "
              + tokens.length);
    }
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] != IDLE) {
        checkToken(tokens[i]);
        cache.requireRoom(i, 1);
      }
    }
    Plan p = plan();
    Slot tokenSlot = p.slot("tokens");
    Slot positionSlot = p.slot("positions");
    Slot startSlot = p.slot("starts");
    for (int i = 0; i < tokens.length; i++) {
      boolean idle = tokens[i] == IDLE;
      tokenSlot.set((long) i, idle ? 0 : tokens[i]);
      positionSlot.set((long) i, idle ? 0 : cache.length(i));
      startSlot.set((long) i, idle ? cache.idleRow() : cache.length(i));
    }
    p.run();
    float[] all = p.output("logits").toFloats();
    int vocabulary = model.dimensions().vocabulary();
    float[][] rows = new float[tokens.length][];
    for (int i = 0; i < tokens.length; i++) {
      rows[i] = Arrays.copyOfRange(all, i * vocabulary, (i + 1) * vocabulary);
      if (tokens[i] != IDLE) {
        cache.advance(i, 1);
      }
    }
    return rows;
  }

  private Plan record() {
    int batch = cache.batch();
    recordings++;
    return engine.record(
        "decode",
        r -> {
          Tensor tokens = r.slot("tokens", TensorSpec.of(ScalarType.I32, batch, 1));
          Tensor positions = r.slot("positions", TensorSpec.of(ScalarType.I32, batch, 1));
          Tensor starts = r.slot("starts", TensorSpec.of(ScalarType.I32, batch));
          AttentionContext context = new AttentionContext(positions, starts, null, null);
          Tensor hidden = model.forward(tokens, context, cache.layers());
          r.output("logits", model.logits(hidden.reshape(batch, model.dimensions().dim())));
        });
  }

  /**
   * A new session whose sequence i continues sequence {@code sources[i]} of this one.
   *
   * @param sources 0 ≤ source &lt; batch; one may come several times
   * @return a session of its own memory, to be closed
   */
  public Session fork(int... sources) {
    requireOpen();
    SessionOptions forked =
        new SessionOptions(
            sources.length, options.capacity(), options.cacheDType(), options.prefillTokens());
    return new Session(engine, model, forked, beforePrefill, cache.fork(sources));
  }

  private void checkToken(int token) {
    int vocabulary = model.dimensions().vocabulary();
    if (token < 0 || token >= vocabulary) {
      throw new ShapeException(
          "[session] token " + token + " is outside the vocabulary 0.." + (vocabulary - 1));
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new ScopeClosedException("[session] it was used after it was closed");
    }
  }

  /**
   * Frees plan and cache.
   *
   * @throws ScopeClosedException if closed twice
   */
  @Override
  public void close() {
    if (closed) {
      throw new ScopeClosedException("[session] it was closed twice; close it once");
    }
    closed = true;
    if (plan != null) {
      plan.close();
    }
    cache.close();
  }
}
