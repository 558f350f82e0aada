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

/** A Llama of random weights, so that no file is needed. */
public final class RandomDecoder implements Decoder {
  private static final Shape LLAMA_110M = new Shape(768, 2048, 12, 12, 12, 32_000, 4096, true);
  private static final double THETA = 10_000;

  /**
   * The size of a model.
   *
   * @param dim extent of the hidden states
   * @param hidden extent inside the feed-forward layer
   * @param heads query heads
   * @param kvHeads key/value heads
   * @param layers number of blocks
   * @param vocabulary number of tokens
   * @param context how many tokens a sequence may have
   * @param tied whether the output projection is the embedding
   */
  public record Shape(
      int dim,
      int hidden,
      int heads,
      int kvHeads,
      int layers,
      int vocabulary,
      int context,
      boolean tied) {
    int headDim() {
      return dim / heads;
    }

    /**
     * What a token takes in the cache.
     *
     * @param elementBytes of an element of keys and values
     * @return bytes
     */
    public long cacheBytes(int elementBytes) {
      return 2L * layers * kvHeads * headDim() * elementBytes;
    }
  }

  /** Where weights come from. */
  @FunctionalInterface
  public interface Weights {
    /**
     * A weight.
     *
     * @param dims [out, in]
     * @return the tensor
     */
    Tensor of(long... dims);
  }

  private final Shape shape;
  private final Weights weights;
  private final Embedding embedding;
  private final Linear output;
  private final List<TransformerBlock> blocks = new ArrayList<>();
  private final RmsNorm finalNorm;
  private long weightBytes;

  /** 110 million weights: 12 blocks, 768 wide. */
  RandomDecoder(Engine engine, DType dtype) {
    this(engine, LLAMA_110M, seeded(engine, dtype));
  }

  /**
   * A model of a size.
   *
   * @param engine runs it
   * @param shape its size
   * @param weights gives the matrices, each one when it is asked for
   */
  public RandomDecoder(Engine engine, Shape shape, Weights weights) {
    this.shape = shape;
    this.weights = weights;
    double[] f = RopeFrequencies.standard(shape.headDim(), THETA);
    Rope rope = new Rope(engine.tensor(RopeFrequencies.toFloats(f)), true);
    int dim = shape.dim();
    int kv = shape.kvHeads() * shape.headDim();
    if (shape.tied()) {
      output = linear(dim, shape.vocabulary());
      embedding = new Embedding(output.weight());
    } else {
      embedding = new Embedding(weights.of(shape.vocabulary(), dim));
      output = linear(dim, shape.vocabulary());
    }
    for (int i = 0; i < shape.layers(); i++) {
      MultiHeadAttention attention =
          new MultiHeadAttention(
              linear(dim, dim),
              linear(dim, kv),
              linear(dim, kv),
              linear(dim, dim),
              AttentionOptions.of(shape.heads(), shape.kvHeads(), true),
              rope);
      blocks.add(
          new TransformerBlock.PreNorm(
              Initializers.rmsNorm(engine, dim),
              attention,
              Initializers.rmsNorm(engine, dim),
              new GatedFeedForward(
                  linear(dim, shape.hidden()),
                  linear(dim, shape.hidden()),
                  Activation.SILU,
                  linear(shape.hidden(), dim))));
    }
    finalNorm = Initializers.rmsNorm(engine, dim);
  }

  private static Weights seeded(Engine engine, DType dtype) {
    long[] seed = {0};
    return dims -> Initializers.linear(engine, dims[1], dims[0], ++seed[0]).weight().cast(dtype);
  }

  private Linear linear(long in, long out) {
    Linear linear = new Linear(weights.of(out, in));
    weightBytes += linear.weight().spec().byteSize();
    return linear;
  }

  /**
   * Bytes of the matrices that a step reads, each once.
   *
   * @return without the embedding, unless it is the output's
   */
  public long weightBytes() {
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
    return new Dimensions(
        shape.vocabulary(),
        shape.dim(),
        shape.layers(),
        shape.kvHeads(),
        shape.headDim(),
        shape.context());
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
    return output.forward(hidden);
  }
}
