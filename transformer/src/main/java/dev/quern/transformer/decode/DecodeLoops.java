package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.families.Decoder;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The {@link DecodeLoop} of the sampling chain that was asked for last. */
final class DecodeLoops implements AutoCloseable {
  private final Engine engine;
  private final Decoder model;
  private final KvCache cache;
  private @Nullable DecodeLoop latest;

  DecodeLoops(Engine engine, Decoder model, KvCache cache) {
    this.engine = engine;
    this.model = model;
    this.cache = cache;
  }

  /** As {@link Session#steps}, of tokens that there is room for. */
  int[][] run(
      int[] tokens, int count, SamplingOptions sampling, long draws, TokenHistory... histories) {
    if (count < 1) {
      throw new ShapeException("[session] " + count + " steps are asked for; take at least 1");
    }
    DecodeLoop loop = of(sampling);
    loop.begin(histories);
    int[][] all = new int[tokens.length][count];
    int[] next = tokens.clone();
    for (int from = 0; from < count; from += DecodeLoop.MOST_STEPS) {
      int some = Math.min(DecodeLoop.MOST_STEPS, count - from);
      int[][] chosen = loop.run(next, some, sampling.seed(), draws + from);
      for (int i = 0; i < next.length; i++) {
        if (next[i] != Session.IDLE) {
          System.arraycopy(chosen[i], 0, all[i], from, some);
          next[i] = chosen[i][some - 1];
          cache.advance(i, some);
        }
      }
    }
    return all;
  }

  private DecodeLoop of(SamplingOptions sampling) {
    DecodeLoop loop = latest;
    if (loop == null || !loop.chooses(sampling)) {
      close();
      loop = new DecodeLoop(engine, model, cache, sampling);
      latest = loop;
    }
    return loop;
  }

  /** What was replayed last, if anything was. */
  Optional<Plan> plan() {
    return Optional.ofNullable(latest).map(DecodeLoop::plan);
  }

  @Override
  public void close() {
    DecodeLoop loop = latest;
    latest = null;
    if (loop != null) {
      loop.close();
    }
  }
}
