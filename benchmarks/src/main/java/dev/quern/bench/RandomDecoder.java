package dev.quern.bench;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.layers.Activation;
import dev.quern.transformer.layers.AttentionCache;
import dev.quern.transformer.layers.AttentionContext;
import dev.quern.transformer.layers.AttentionOptions;
import dev.quern.transformer.layers.Embedding;
import dev.quern.transformer.layers.GatedFeedForward;
import dev.quern.transformer.layers.Initializers;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.MultiHeadAttention;
import dev.quern.transformer.layers.RmsNorm;
import dev.quern.transformer.layers.Rope;
import dev.quern.transformer.layers.RopeFrequencies;
import dev.quern.transformer.layers.TransformerBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A Llama of 110 million random weights (12 blocks, 768 wide), so that no file is needed. */
final class RandomDecoder implements Decoder {
  private static final int DIM = 768;
  private static final int HIDDEN = 2048;
  private static final int HEADS = 12;
  private static final int LAYERS = 12;
  private static final int VOCABULARY = 32_000;
  private static final int CONTEXT = 4096;

  private final Engine engine;
  private final DType dtype;
  private final Embedding embedding;
  private final List<TransformerBlock> blocks = new ArrayList<>();
  private final RmsNorm finalNorm;
  private long seed;
  private long weightBytes;

  RandomDecoder(Engine engine, DType dtype) {
    this.engine = engine;
    this.dtype = dtype;
    double[] f = RopeFrequencies.standard(DIM / HEADS, 10_000);
    Rope rope = new Rope(engine.tensor(RopeFrequencies.toFloats(f)), true);
    embedding = new Embedding(linear(DIM, VOCABULARY).weight());
    for (int i = 0; i < LAYERS; i++) {
      MultiHeadAttention attention =
          new MultiHeadAttention(
              linear(DIM, DIM),
              linear(DIM, DIM),
              linear(DIM, DIM),
              linear(DIM, DIM),
              AttentionOptions.of(HEADS, true),
              rope);
      blocks.add(
          new TransformerBlock.PreNorm(
              Initializers.rmsNorm(engine, DIM),
              attention,
              Initializers.rmsNorm(engine, DIM),
              new GatedFeedForward(
                  linear(DIM, HIDDEN), linear(DIM, HIDDEN), Activation.SILU, linear(HIDDEN, DIM))));
    }
    finalNorm = Initializers.rmsNorm(engine, DIM);
  }

  private Linear linear(long in, long out) {
    Linear linear = new Linear(Initializers.linear(engine, in, out, ++seed).weight().cast(dtype));
    weightBytes += linear.weight().spec().byteSize();
    return linear;
  }

  /** Bytes of all matrices; a step reads each once, the embedding as the output's. */
  long weightBytes() {
    return weightBytes;
  }

  @Override
  public String family() {
    return "random";
  }

  @Override
  public Map<String, Tensor> parameters() {
    return Map.of();
  }

  @Override
  public Dimensions dimensions() {
    return new Dimensions(VOCABULARY, DIM, LAYERS, HEADS, DIM / HEADS, CONTEXT);
  }

  @Override
  public Tensor forward(
      Tensor tokens, AttentionContext context, List<? extends AttentionCache> caches) {
    Tensor h = embedding.forward(tokens);
    for (int i = 0; i < blocks.size(); i++) {
      h = blocks.get(i).forward(h, context.with(caches.get(i)));
    }
    return finalNorm.forward(h);
  }

  @Override
  public Tensor logits(Tensor hidden) {
    return embedding.tied().forward(hidden);
  }
}
