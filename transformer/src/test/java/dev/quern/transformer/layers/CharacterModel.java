package dev.quern.transformer.layers;

import dev.quern.core.op.Executor;
import dev.quern.core.op.Tensor;
import java.util.List;
import java.util.stream.IntStream;

/** A causal character model of one's own, from layers alone. */
record CharacterModel(Embedding embedding, List<Layer> blocks, RmsNorm norm, Linear output)
    implements Layer {

  static CharacterModel create(Executor engine, int vocabulary, int dim, int layers, int heads) {
    return new CharacterModel(
        new Embedding(Initializers.normal(engine, 0.02, 1, vocabulary, dim)),
        IntStream.range(0, layers).mapToObj(i -> block(engine, dim, heads, 10 * i)).toList(),
        Initializers.rmsNorm(engine, dim),
        Initializers.linear(engine, dim, vocabulary, 2));
  }

  private static Layer block(Executor engine, int dim, int heads, long seed) {
    return new TransformerBlock.PreNorm(
        Initializers.rmsNorm(engine, dim),
        Initializers.attention(engine, dim, AttentionOptions.of(heads, true), seed),
        Initializers.rmsNorm(engine, dim),
        Initializers.feedForward(engine, dim, 4 * dim, Activation.GELU, seed + 5));
  }

  @Override
  public Tensor forward(Tensor tokens) {
    Tensor x = new SinusoidalPositions().forward(embedding.forward(tokens));
    for (Layer block : blocks) {
      x = block.forward(x);
    }
    return output.forward(norm.forward(x));
  }
}
