package dev.quern.transformer.decode;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.plan.Slot;
import dev.quern.core.spi.Backend;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.AttentionContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The recorded step of a batch of sequences. Slots and logits are looked up once, so that a replay
 * allocates nothing.
 */
final class DecodePlan implements AutoCloseable {
  private final KvCache cache;
  private final Plan plan;
  private final Slot tokens;
  private final Slot positions;
  private final Slot starts;
  private final Tensor result;
  private final MemorySegment host;
  private final MemorySegment[] logits;
  private final Backend device;
  private boolean behind;

  /** Records it. */
  DecodePlan(Engine engine, Decoder model, KvCache cache) {
    this.cache = cache;
    plan = record(engine, model, cache);
    tokens = plan.slot("tokens");
    positions = plan.slot("positions");
    starts = plan.slot("starts");
    device = engine.home();
    result = plan.output("logits");
    host =
        device.memory().isHost()
            ? result.view().base()
            : Arena.ofAuto().allocate(result.spec().byteSize(), Float.BYTES);
    long row = (long) model.dimensions().vocabulary() * Float.BYTES;
    logits = new MemorySegment[cache.batch()];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = host.asReadOnly().asSlice(i * row, row);
    }
  }

  private static Plan record(Engine engine, Decoder model, KvCache cache) {
    int batch = cache.batch();
    return engine.record(
        "decode",
        r -> {
          Tensor tokens = r.slot("tokens", TensorSpec.of(ScalarType.I32, batch, 1));
          Tensor positions = r.slot("positions", TensorSpec.of(ScalarType.I32, batch, 1));
          Tensor starts = r.slot("starts", TensorSpec.of(ScalarType.I32, batch));
          AttentionContext context = new AttentionContext(positions, starts, null, null);
          Tensor hidden = model.forward(tokens, context, cache.layers());
          Tensor logits = model.logits(hidden.reshape(batch, model.dimensions().dim()));
          r.output("logits", logits.cast(ScalarType.F32).contiguous());
        });
  }

  /** The plan itself. */
  Plan plan() {
    return plan;
  }

  /** Computes a step: a token for each sequence, or {@link Session#IDLE}. */
  void run(int[] next) {
    for (int i = 0; i < next.length; i++) {
      boolean idle = next[i] == Session.IDLE;
      tokens.set((long) i, idle ? 0 : next[i]);
      positions.set((long) i, idle ? 0 : cache.length(i));
      starts.set((long) i, idle ? cache.idleRow() : cache.length(i));
    }
    plan.run();
    behind = !device.memory().isHost();
  }

  /**
   * [vocabulary] F32, read-only: a sequence's logits after the latest step. From another device all
   * are copied when the first are asked for.
   */
  MemorySegment logits(int sequence) {
    if (behind) {
      device.download(result.view().base().asSlice(0, host.byteSize()), host);
      behind = false;
    }
    return logits[sequence];
  }

  @Override
  public void close() {
    plan.close();
  }
}
