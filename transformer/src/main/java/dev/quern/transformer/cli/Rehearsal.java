package dev.quern.transformer.cli;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.Activation;
import dev.quern.transformer.layers.AttentionCache;
import dev.quern.transformer.layers.AttentionContext;
import dev.quern.transformer.layers.AttentionOptions;
import dev.quern.transformer.layers.Embedding;
import dev.quern.transformer.layers.GatedFeedForward;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.MultiHeadAttention;
import dev.quern.transformer.layers.RmsNorm;
import dev.quern.transformer.layers.Rope;
import dev.quern.transformer.layers.TransformerBlock;
import java.util.List;
import java.util.Map;

/**
 * A prompt and a step of a model of one small block, all zeros, while the real model is being
 * opened on another thread. What a first prompt spends on linking classes, switches and C functions
 * is spent beside the reading of files and vocabularies instead of after it.
 */
final class Rehearsal implements Decoder {
  private static final int DIM = 64;
  private static final int HEADS = 2;
  private static final int VOCABULARY = 32;
  private static final int PROMPT = 16;

  private final Engine engine;
  private final Embedding embedding;
  private final TransformerBlock block;
  private final RmsNorm norm;

  private Rehearsal(Engine engine) {
    this.engine = engine;
    embedding = new Embedding(matrix(VOCABULARY));
    MultiHeadAttention attention =
        new MultiHeadAttention(
            new Linear(matrix(DIM)),
            new Linear(matrix(DIM)),
            new Linear(matrix(DIM)),
            new Linear(matrix(DIM)),
            AttentionOptions.of(HEADS, true),
            new Rope(engine.tensor(new float[DIM / HEADS / 2], DIM / HEADS / 2), true));
    GatedFeedForward feedForward =
        new GatedFeedForward(
            new Linear(matrix(DIM)),
            new Linear(matrix(DIM)),
            Activation.SILU,
            new Linear(matrix(DIM)));
    norm = new RmsNorm(engine.tensor(new float[DIM], DIM), 1e-5f);
    block = new TransformerBlock.PreNorm(norm, attention, norm, feedForward);
  }

  private Tensor matrix(int rows) {
    return engine.tensor(new float[rows * DIM], rows, DIM).cast(BlockType.Q8_0);
  }

  /** Runs it once. */
  static void run() {
    SessionOptions options = SessionOptions.of(1, PROMPT + 1).withCache(ScalarType.F16);
    try (Engine engine = Engine.create();
        TensorScope _ = TensorScope.open("rehearsal");
        Session session = Session.open(engine, new Rehearsal(engine), options)) {
      session.prefill(0, new int[PROMPT]);
      session.step(0);
    }
  }

  @Override
  public String family() {
    return "rehearsal";
  }

  @Override
  public Dimensions dimensions() {
    return new Dimensions(VOCABULARY, DIM, 1, HEADS, DIM / HEADS, PROMPT + 1);
  }

  @Override
  public Map<String, Tensor> parameters() {
    return Map.of();
  }

  @Override
  public Tensor forward(
      Tensor tokens, AttentionContext context, List<? extends AttentionCache> caches) {
    Tensor x = embedding.forward(tokens);
    return norm.forward(block.forward(x, context.with(caches.getFirst())));
  }

  @Override
  public Tensor logits(Tensor hidden) {
    return embedding.tied().forward(hidden);
  }
}
