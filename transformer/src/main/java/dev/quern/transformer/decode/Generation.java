package dev.quern.transformer.decode;

import dev.quern.transformer.tokenizer.DecodeOptions;
import dev.quern.transformer.tokenizer.StreamingDecoder;
import dev.quern.transformer.tokenizer.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A text being generated, token by token: an iterator that computes the next token when it is asked
 * for it. For one thread, except that {@link #cancel} may be called from any.
 *
 * <p>On a device some tokens are chosen ahead there, with whatever chain of sampling; if log
 * probabilities are asked for, each is chosen on the host, which needs all its logits for them.
 *
 * <p>All parts of the text together are the whole: nothing of a stop string or of an incomplete
 * character is ever handed out.
 */
public final class Generation implements Iterator<GeneratedToken> {
  /** Tokens that a device chooses before they are looked at: those after an end are in vain. */
  private static final int AHEAD = 8;

  private final Session session;
  private final Tokenizer tokenizer;
  private final GenerationOptions options;
  private final int[] prompt;
  private final Sampler sampler;
  private final TokenHistory history;
  private final StreamingDecoder decoder;
  private final StopStrings stops;
  private final StringBuilder text = new StringBuilder();
  private final TokenChooser chooser = this::choose;
  private int[] ahead = {};
  private int taken;
  private long changes; // of the cache, when the latest token was taken
  private int latest;
  private @Nullable LogProbabilities report;
  private @Nullable FinishReason finish;
  private volatile boolean cancelled;

  /**
   * A generation on sequence 0 of a session.
   *
   * @param session of batch 1; it may have earlier tokens, which the prompt continues
   * @param tokenizer turns tokens into text and knows the end tokens
   * @param prompt at least one token
   * @param options when to stop and how to choose
   * @throws ContextLengthException if the prompt leaves no room for a token
   */
  public Generation(Session session, Tokenizer tokenizer, int[] prompt, GenerationOptions options) {
    this.session = session;
    this.tokenizer = tokenizer;
    this.options = options;
    this.prompt = prompt.clone();
    this.sampler = Sampler.of(options.sampling());
    this.history = new TokenHistory(prompt);
    this.decoder = tokenizer.streamingDecoder(DecodeOptions.CONTINUATION);
    this.stops = new StopStrings(options.stopStrings());
    session.cache().requireRoom(0, prompt.length);
  }

  /** Ends the generation before its next token; safe from any thread. */
  public void cancel() {
    cancelled = true;
  }

  /**
   * Whether another token follows.
   *
   * @return false once {@link #finishReason} is known
   */
  @Override
  public boolean hasNext() {
    if (finish == null && cancelled) {
      finish = FinishReason.CANCELLED;
    }
    return finish == null;
  }

  /**
   * Computes the next token.
   *
   * @return the token and the text that became certain
   * @throws NoSuchElementException if it has ended
   * @throws PagesExhaustedException if its session's pool has no page for it; once there is one,
   *     another call goes on
   */
  @Override
  public GeneratedToken next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the generation has ended: " + finish);
    }
    int id =
        history.generated() == 0
            ? choose(0, MemorySegment.ofArray(session.prefill(0, prompt)))
            : isAhead() ? fromDevice() : session.step(latest, chooser);
    latest = id;
    history.add(id);
    StringBuilder part = new StringBuilder();
    if (ends(id)) {
      finish = FinishReason.STOP;
    } else {
      part.append(stops.push(decoder.push(id)));
      if (stops.found()) {
        finish = FinishReason.STOP;
      } else if (history.generated() >= options.maxTokens() || isFull()) {
        finish = FinishReason.LENGTH;
      }
    }
    if (finish != null) {
      part.append(stops.push(decoder.flush())).append(stops.flush());
    }
    text.append(part);
    return new GeneratedToken(id, part.toString(), report);
  }

  /** Whether the device chooses: it goes on with its own choices while they are read here. */
  private boolean isAhead() {
    return options.topLogProbabilities() == 0 && session.choosesOnDevice();
  }

  /**
   * Takes a token that was computed ahead; the sequence is as long as if it had not been. If
   * somebody else has changed the cache since, what was computed ahead is void.
   */
  private int fromDevice() {
    KvCache cache = session.cache();
    if (taken == ahead.length || cache.changes() != changes) {
      int start = cache.length(0);
      int count =
          Math.min(
              AHEAD, Math.min(options.maxTokens() - history.generated(), cache.capacity() - start));
      ahead = steps(count);
      cache.rewind(0, start);
      taken = 0;
    }
    cache.advance(0, 1); // its keys and values are there already
    changes = cache.changes();
    return ahead[taken++];
  }

  /** As many tokens, or as few as a pool has pages for: tokens ahead may not exhaust it. */
  private int[] steps(int most) {
    int[] first = {latest};
    int draws = history.generated();
    for (int count = most; ; count = Math.ceilDiv(count, 2)) {
      try {
        return session.steps(first, count, options.sampling(), draws, history)[0];
      } catch (PagesExhaustedException e) {
        if (count == 1) {
          throw e;
        }
      }
    }
  }

  private int choose(int sequence, MemorySegment logits) {
    int id = sampler.sample(logits, history);
    int top = options.topLogProbabilities();
    if (top > 0) {
      report = LogProbabilities.of(logits.toArray(ValueLayout.JAVA_FLOAT), id, top);
    }
    return id;
  }

  private boolean ends(int id) {
    return options.stopTokens().contains(id)
        || (!options.ignoreEnd() && tokenizer.vocabulary().isEndOfGeneration(id));
  }

  private boolean isFull() {
    return session.cache().length(0) >= session.cache().capacity();
  }

  /**
   * Generates to the end.
   *
   * @param eachToken told of every token as it comes
   * @return the whole text
   */
  public String run(Consumer<GeneratedToken> eachToken) {
    while (hasNext()) {
      eachToken.accept(next());
    }
    return text();
  }

  /**
   * The text so far.
   *
   * @return all parts handed out
   */
  public String text() {
    return text.toString();
  }

  /**
   * The tokens so far, an end token included.
   *
   * @return a new array, without the prompt
   */
  public int[] tokens() {
    return history.generatedTokens();
  }

  /**
   * Number of tokens of the prompt.
   *
   * @return tokens
   */
  public int promptTokens() {
    return prompt.length;
  }

  /**
   * Why it ended.
   *
   * @return the reason, or null while it goes on
   */
  public @Nullable FinishReason finishReason() {
    return finish;
  }
}
