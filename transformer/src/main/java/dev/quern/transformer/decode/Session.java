package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.families.Decoder;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A batch of sequences being decoded: prompts are computed in chunks, single tokens one by one;
 * both replay plans, recorded when they are first needed. For one thread: a call during another
 * thread's call is refused.
 */
public final class Session implements AutoCloseable {
  /** In {@link #step}: this sequence sits the step out. */
  public static final int IDLE = -1;

  /** Steps after which a model counts as one that goes on being read. */
  private static final int OFTEN = 16;

  private static final int BLOCK_LOGITS = (64 << 20) / Float.BYTES;
  private static final int MOST_LOGITS = Integer.MAX_VALUE - 8;

  private final Engine engine;
  private final Decoder model;
  private final SessionOptions options;
  private final ModelFile file;
  private final FileWatch watch;
  private int steps;
  private final KvCache cache;
  private final PrefillPlans prefills;
  private final DecodeLoops loops;
  private final AtomicBoolean busy = new AtomicBoolean();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final int[] single = new int[1];
  private @Nullable DecodePlan plan;
  private int recordings;
  private boolean freed;

  private Session(
      Engine engine, Decoder model, SessionOptions options, ModelFile file, KvCache cache) {
    this.engine = engine;
    this.model = model;
    this.options = options;
    this.file = file;
    this.watch = new FileWatch(file);
    this.cache = cache;
    this.prefills = new PrefillPlans(engine, model, cache);
    this.loops = new DecodeLoops(engine, model, cache);
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
   * <p>Reading a mapped file beyond an end that was cut off kills the process, and nothing in Java
   * can catch it. So the file's length is asked for before each prefill, and during prefills and
   * steps whenever 10 ms have passed since: a file that was cut is noticed by the next call. What
   * remains is a cut within those 10 ms, or in the middle of a step. Replace model files by
   * renaming a new one over them, never by writing into them.
   *
   * @param engine runs it
   * @param model stays open as long as the session is used
   * @param options batch, capacity, cache
   * @param file what the model is mapped from
   * @return the session, to be closed
   */
  public static Session open(Engine engine, Decoder model, SessionOptions options, ModelFile file) {
    Decoder.Dimensions d = model.dimensions();
    if (options.capacity() > d.contextLength()) {
      throw new ContextLengthException(
          "[session] a capacity of "
              + options.capacity()
              + " tokens exceeds the model's context of "
              + d.contextLength()
              + "; ask for less");
    }
    return new Session(engine, model, options, file, KvCache.of(engine, d, options));
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
    return exclusively(() -> recorded().plan());
  }

  /** {@return the plan that {@link #steps} replayed last, for {@code explain}; empty at first} */
  public Optional<Plan> loopPlan() {
    return exclusively(loops::plan);
  }

  /**
   * Whether the model is as it will stay: not while its weights are moved into large pages in the
   * background, which slows steps down. For measurements.
   *
   * @return true if nothing goes on
   */
  public boolean isSettled() {
    return file.isSettled();
  }

  /**
   * Whose kernels the latest prefills ran.
   *
   * @return provider names; none before the first prefill
   */
  public Set<String> prefillProviders() {
    return exclusively(prefills::providers);
  }

  private DecodePlan recorded() {
    DecodePlan p = plan;
    if (p == null) {
      recordings++;
      p = new DecodePlan(engine, model, cache);
      plan = p;
    }
    return p;
  }

  /**
   * Appends tokens to a sequence.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param tokens at least one
   * @return [vocabulary]: the logits after the last token
   * @throws ContextLengthException if they don't fit
   * @throws PagesExhaustedException if its pool has no pages for them
   */
  public float[] prefill(int sequence, int... tokens) {
    return exclusively(() -> prefill(sequence, tokens, 1));
  }

  /**
   * Appends tokens to a sequence and gives the logits after each.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param tokens at least one
   * @return [tokens · vocabulary], row by row
   * @throws ContextLengthException if they don't fit
   * @throws PagesExhaustedException if its pool has no pages for them
   * @throws ShapeException if no array holds so many logits
   */
  public float[] prefillAll(int sequence, int... tokens) {
    return exclusively(() -> prefill(sequence, tokens, tokens.length));
  }

  private float[] prefill(int sequence, int[] tokens, int wanted) {
    int vocabulary = model.dimensions().vocabulary();
    long size = (long) wanted * vocabulary;
    if (size > MOST_LOGITS) {
      throw new ShapeException(
          "[session] "
              + wanted
              + " rows of "
              + vocabulary
              + " logits are more than an array holds; take them in blocks, with"
              + " prefill(sequence, tokens, from, rows)");
    }
    float[] logits = new float[(int) size];
    int from = tokens.length - wanted;
    handOut(
        sequence,
        tokens,
        from,
        (first, part) ->
            System.arraycopy(part, 0, logits, (first - from) * vocabulary, part.length));
    return logits;
  }

  /**
   * Appends tokens to a sequence and hands out the logits after each from some position on, in
   * blocks: however many there are, no block is larger than 64 MiB, unless a single row is.
   *
   * @param sequence 0 ≤ sequence &lt; batch
   * @param tokens at least one
   * @param from index in {@code tokens} of the first whose logits are wanted
   * @param rows takes each block, in order; it may not use the session
   * @throws ContextLengthException if they don't fit
   * @throws PagesExhaustedException if its pool has no pages for them
   */
  public void prefill(int sequence, int[] tokens, int from, LogitRows rows) {
    exclusively(
        () -> {
          handOut(sequence, tokens, from, rows);
          return tokens.length;
        });
  }

  private void handOut(int sequence, int[] tokens, int from, LogitRows rows) {
    if (tokens.length == 0) {
      throw new ShapeException("[session] prefill needs at least one token");
    }
    if (from < 0 || from > tokens.length) {
      throw new ShapeException(
          "[session] logits are wanted from token " + from + " of " + tokens.length);
    }
    for (int t : tokens) {
      checkToken(t);
    }
    cache.reserve(sequence, tokens.length);
    watch.check();
    for (int first = 0; first < tokens.length; first += options.prefillTokens()) {
      int end = Math.min(tokens.length, first + options.prefillTokens());
      watch.checkAgain();
      Tensor hidden = prefills.run(sequence, tokens, first, end, cache.length(sequence));
      handOutRows(hidden, first, Math.max(first, from), end, rows);
      cache.advance(sequence, end - first);
    }
  }

  /** The logits of rows from to end − 1 of hidden states that begin with row first. */
  private void handOutRows(Tensor hidden, int first, int from, int end, LogitRows rows) {
    int most = Math.max(1, BLOCK_LOGITS / model.dimensions().vocabulary());
    for (int at = from; at < end; at += most) {
      int count = Math.min(most, end - at);
      try (TensorScope _ = TensorScope.open("logits")) {
        rows.accept(at, model.logits(hidden.slice(1, at - first, count)).toFloats());
      }
    }
  }

  /**
   * Appends one token to each sequence.
   *
   * @param tokens one per sequence; {@link #IDLE} for a sequence that sits this step out
   * @return [batch][vocabulary]: the logits after each token; meaningless for idle sequences
   * @throws ContextLengthException if a sequence is full
   * @throws PagesExhaustedException if its pool has too few pages
   */
  public float[][] step(int... tokens) {
    return exclusively(
        () -> {
          DecodePlan p = next(tokens);
          float[][] rows = new float[tokens.length][];
          for (int i = 0; i < tokens.length; i++) {
            rows[i] = p.logits(i).toArray(ValueLayout.JAVA_FLOAT);
          }
          return rows;
        });
  }

  /**
   * Appends a token to the only sequence and chooses the one that follows. Once the plan is
   * recorded and the code compiled, this allocates nothing.
   *
   * @param token the token
   * @param chooser sees its logits
   * @return the next token, as chosen; not yet appended
   * @throws ContextLengthException if the sequence is full
   * @throws PagesExhaustedException if its pool has no page for it
   * @throws ShapeException if there are more sequences
   */
  public int step(int token, TokenChooser chooser) {
    enter();
    try {
      single[0] = token;
      return chooser.choose(0, next(single).logits(0));
    } finally {
      leave();
    }
  }

  /**
   * Appends one token to each sequence and chooses those that follow, without allocating anything
   * either.
   *
   * @param tokens [batch]: one per sequence; {@link #IDLE} for a sequence that sits this step out
   * @param next [batch]: gets the next tokens, as chosen, and {@link #IDLE} for idle sequences; may
   *     be {@code tokens}
   * @param chooser sees the logits of each sequence that isn't idle, in order
   * @throws ContextLengthException if a sequence is full
   * @throws PagesExhaustedException if its pool has too few pages
   */
  public void step(int[] tokens, int[] next, TokenChooser chooser) {
    enter();
    try {
      if (next.length != cache.batch()) {
        throw new ShapeException(
            "[session] step gives one token per sequence ("
                + cache.batch()
                + "), and has room for "
                + next.length);
      }
      DecodePlan p = next(tokens);
      for (int i = 0; i < next.length; i++) {
        next[i] = tokens[i] == IDLE ? IDLE : chooser.choose(i, p.logits(i));
      }
    } finally {
      leave();
    }
  }

  /**
   * Appends a token to each sequence, then the ones that follow it, each chosen on the engine's
   * device: one replay for each step, and the host waits for the last alone.
   *
   * @param tokens [batch]: one per sequence; {@link #IDLE} for a sequence that sits the steps out
   * @param count how many steps, at least 1
   * @param sampling how they are chosen: sequence i draws as a {@link Sampler} of seed + i does
   * @param draws how often these samplers have drawn before
   * @param histories [batch]: the tokens so far, those that are appended first included; needed for
   *     penalties alone, and not changed
   * @return [batch][count]: the tokens that were chosen, the last not yet appended; meaningless for
   *     idle sequences
   * @throws ContextLengthException if a sequence has no room for as many
   * @throws PagesExhaustedException if its pool has too few pages for all steps
   * @throws ShapeException if there are penalties, and not as many histories as sequences
   */
  public int[][] steps(
      int[] tokens, int count, SamplingOptions sampling, long draws, TokenHistory... histories) {
    return exclusively(
        () -> {
          checkStep(tokens, count);
          watch.check();
          return loops.run(tokens, count, sampling, draws, histories);
        });
  }

  /** Whether tokens are better chosen where the logits are than on the host. */
  boolean choosesOnDevice() {
    return !engine.home().memory().isHost();
  }

  /** Appends tokens; the plan has their logits. */
  private DecodePlan next(int[] tokens) {
    checkStep(tokens, 1);
    watch.checkAgain();
    DecodePlan p = recorded();
    p.run(tokens);
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] != IDLE) {
        cache.advance(i, 1);
      }
    }
    steps++;
    if (steps == OFTEN) {
      file.isReadOften();
    }
    return p;
  }

  private void checkStep(int[] tokens, int count) {
    if (tokens.length != cache.batch()) {
      throw new ShapeException(
          "[session] step takes one token per sequence (%d), got %d"
              .formatted(cache.batch(), tokens.length));
    }
    for (int token : tokens) {
      if (token != IDLE) {
        checkToken(token);
      }
    }
    cache.reserve(tokens, count);
  }

  /**
   * A new session whose sequence i continues sequence {@code sources[i]} of this one.
   *
   * @param sources 0 ≤ source &lt; batch; one may come several times
   * @return a session of its own memory, or with pages of the same pool, to be closed
   */
  public Session fork(int... sources) {
    SessionOptions forked = options.withBatch(sources.length);
    return exclusively(() -> new Session(engine, model, forked, file, cache.fork(sources)));
  }

  private void checkToken(int token) {
    int vocabulary = model.dimensions().vocabulary();
    if (token < 0 || token >= vocabulary) {
      throw new ShapeException(
          "[session] token " + token + " is outside the vocabulary 0.." + (vocabulary - 1));
    }
  }

  /** Runs a call during which no other thread can run one or free anything. */
  private <T> T exclusively(Supplier<T> call) {
    enter();
    try {
      return call.get();
    } finally {
      leave();
    }
  }

  private void enter() {
    boolean entered = busy.compareAndSet(false, true);
    if (closed.get()) {
      if (entered) {
        leave();
      }
      throw new ScopeClosedException("[session] it was used after it was closed");
    }
    if (!entered) {
      throw new QuernException(
          "[session] it is being used by another thread; open a session per thread");
    }
  }

  private void leave() {
    busy.set(false);
    freeIfClosed();
  }

  /**
   * Frees plan and cache. If another thread is in a call, that call still completes, and its thread
   * frees them then.
   *
   * @throws ScopeClosedException if closed twice
   */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      throw new ScopeClosedException("[session] it was closed twice; close it once");
    }
    freeIfClosed();
  }

  private void free() {
    try (KvCache _ = cache;
        PrefillPlans _ = prefills;
        DecodeLoops _ = loops) {
      if (plan != null) {
        plan.close();
      }
    }
  }

  private void freeIfClosed() {
    if (!closed.get() || !busy.compareAndSet(false, true)) {
      return; // open, or left to the thread that is in a call
    }
    try {
      if (!freed) {
        freed = true;
        free();
      }
    } finally {
      busy.set(false);
    }
  }
}
