package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Buffer;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A chain's bias and penalties as operations on tensors. What they must know of earlier tokens is
 * in buffers on the engine's device: as much as the options ask for, loaded from {@link
 * TokenHistory}s and brought up to date by each step.
 */
final class LogitAdjustment implements AutoCloseable {
  private final Engine engine;
  private final SamplingOptions options;
  private final int batch;
  private final int vocabulary;
  private final @Nullable Buffer seen; // [batch, vocabulary]: how often in prompt and output
  private final @Nullable Buffer generated; // [batch, vocabulary]: how often in the output
  private final @Nullable Buffer recent; // [batch, window]: the latest tokens, the oldest first

  /**
   * Buffers, empty until {@link #load}.
   *
   * @param engine whose device they are on
   * @param options the chain
   * @param batch number of sequences
   * @param vocabulary number of tokens there are
   * @param capacity tokens that a sequence has at most; a longer window is all of them
   */
  LogitAdjustment(Engine engine, SamplingOptions options, int batch, int vocabulary, int capacity) {
    this.engine = engine;
    this.options = options;
    this.batch = batch;
    this.vocabulary = vocabulary;
    boolean repetition = options.repetitionPenalty() != 1;
    int window = options.repetitionWindow();
    boolean all = window == 0 || window > capacity;
    seen = repetition && all ? buffer("seen", vocabulary) : null;
    recent = repetition && !all ? buffer("recent", window) : null;
    generated = counts(options) ? buffer("generated", vocabulary) : null;
  }

  private Buffer buffer(String name, int columns) {
    return engine.buffer(name, TensorSpec.of(ScalarType.I32, batch, columns));
  }

  private static boolean counts(SamplingOptions o) {
    return o.frequencyPenalty() != 0 || o.presencePenalty() != 0;
  }

  /** Whether there is nothing to do. */
  boolean isNone() {
    return options.logitBias().isEmpty() && !isPenalised();
  }

  private boolean isPenalised() {
    return options.repetitionPenalty() != 1 || counts(options);
  }

  /**
   * Begins with what came so far.
   *
   * @param histories one for each sequence; without penalties they are not looked at
   * @throws ShapeException if there are more or fewer
   */
  void load(TokenHistory... histories) {
    if (!isPenalised()) {
      return;
    }
    if (histories.length != batch) {
      throw new ShapeException(
          "[sampling] penalties need the tokens so far of each of the "
              + batch
              + " sequences, got "
              + histories.length
              + " histories; give one TokenHistory for each");
    }
    if (seen != null) {
      seen.assign(counted(0, histories));
    }
    if (generated != null) {
      generated.assign(counted(1, histories));
    }
    if (recent != null) {
      recent.assign(latest(histories));
    }
  }

  /** How often tokens came; with part 1 only generated ones. */
  private Tensor counted(int part, TokenHistory... histories) {
    int[] counts = new int[batch * vocabulary];
    for (int b = 0; b < batch; b++) {
      TokenHistory h = histories[b];
      for (int i = part == 0 ? 0 : h.promptLength(); i < h.size(); i++) {
        counts[b * vocabulary + h.token(i)]++;
      }
    }
    return engine.tensor(counts, batch, vocabulary);
  }

  /** A place that no token has is the one behind the vocabulary. */
  private Tensor latest(TokenHistory... histories) {
    int window = options.repetitionWindow();
    int[] tokens = new int[batch * window];
    Arrays.fill(tokens, vocabulary);
    for (int b = 0; b < batch; b++) {
      TokenHistory h = histories[b];
      for (int i = Math.max(0, h.size() - window); i < h.size(); i++) {
        tokens[b * window + window - h.size() + i] = h.token(i);
      }
    }
    return engine.tensor(tokens, batch, window);
  }

  /**
   * Adds the bias and takes the penalties off, as {@link SamplingStep.LogitBias}, {@link
   * SamplingStep.RepetitionPenalty} and {@link SamplingStep.CountPenalty} do.
   *
   * @param scores [batch, vocabulary] F64
   * @return the same shape; NaN where infinities met
   * @throws IllegalArgumentException if the bias names a token outside the vocabulary
   */
  Tensor adjust(Tensor scores) {
    Tensor s = scores;
    if (!options.logitBias().isEmpty()) {
      double[] added = new double[vocabulary];
      new SamplingStep.LogitBias(options.logitBias()).addTo(added);
      s = s.add(engine.tensor(added));
    }
    Tensor came = came();
    if (came != null) {
      double penalty = options.repetitionPenalty();
      Tensor changed = s.greater(s.scalarLike(0)).where(s.div(penalty), s.mul(penalty));
      s = came.where(changed, s);
    }
    if (generated != null) {
      Tensor n = generated.value().cast(ScalarType.F64);
      Tensor changed = s.sub(n.mul(options.frequencyPenalty())).sub(options.presencePenalty());
      s = n.greater(n.scalarLike(0)).where(changed, s);
    }
    return s;
  }

  /**
   * [batch, vocabulary] BOOL: which tokens the repetition penalty concerns; null if there is none.
   */
  private @Nullable Tensor came() {
    Tensor counts = seen == null ? null : seen.value();
    if (recent != null) {
      Tensor tokens = recent.value();
      Tensor none = tokens.fullLike(0, Shape.of(batch, vocabulary + 1L));
      counts = none.scatterAdd(1, tokens, tokens.fullLike(1)).slice(1, 0, vocabulary);
    }
    return counts == null ? null : counts.greater(counts.scalarLike(0));
  }

  /**
   * Adds what was chosen; to be recorded after {@link #adjust}.
   *
   * @param next [batch, 1] I32
   */
  void add(Tensor next) {
    Tensor one = next.fullLike(1);
    if (seen != null) {
      seen.assign(seen.value().scatterAdd(1, next, one));
    }
    if (generated != null) {
      generated.assign(generated.value().scatterAdd(1, next, one));
    }
    if (recent != null) {
      int window = options.repetitionWindow();
      recent.assign(recent.value().slice(1, 1, window - 1).concat(1, next));
    }
  }

  @Override
  public void close() {
    for (Buffer b : new @Nullable Buffer[] {seen, generated, recent}) {
      if (b != null) {
        b.close();
      }
    }
  }
}
