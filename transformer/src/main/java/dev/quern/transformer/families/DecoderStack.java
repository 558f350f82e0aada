package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import dev.quern.transformer.layers.AttentionCache;
import dev.quern.transformer.layers.AttentionContext;
import dev.quern.transformer.layers.Embedding;
import dev.quern.transformer.layers.Layer;
import dev.quern.transformer.layers.LearnedPositions;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.NamedTensors;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.layers.TransformerBlock;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A decoder of the usual build, whatever its family: logits(x) = output(norm(blocks(embed(x)))).
 *
 * @param family its name
 * @param dimensions its sizes
 * @param embedding of the tokens
 * @param positions added to the embedding, or null if attention knows the positions
 * @param blocks one after another; each has a cache of its own
 * @param finalNorm of the last block's states
 * @param output from states to logits
 */
record DecoderStack(
    String family,
    Dimensions dimensions,
    Embedding embedding,
    @Nullable LearnedPositions positions,
    List<TransformerBlock> blocks,
    Layer finalNorm,
    Linear output)
    implements Decoder {

  DecoderStack {
    blocks = List.copyOf(blocks);
  }

  @Override
  public Tensor forward(
      Tensor tokens, AttentionContext context, List<? extends AttentionCache> caches) {
    Tensor x = embedding.forward(tokens);
    if (positions != null) {
      x = positions.forward(x, context.positions());
    }
    x = context.training().saw("embedding", context.training().drop(x, 0));
    for (int i = 0; i < blocks.size(); i++) {
      TransformerBlock block = blocks.get(i);
      TrainingMode mode = context.training().at(i + 1);
      AttentionContext own = caches.isEmpty() ? context : context.with(caches.get(i));
      x = mode.saw("blocks." + i, mode.run(in -> block.forward(in, own.with(mode)), x));
    }
    return context.training().saw("finalNorm", finalNorm.forward(x));
  }

  @Override
  public Tensor logits(Tensor hidden) {
    return output.forward(hidden);
  }

  @Override
  public Map<String, Tensor> parameters() {
    NamedTensors all = new NamedTensors().add("embedding", embedding);
    if (positions != null) {
      all.add("positions", positions);
    }
    for (int i = 0; i < blocks.size(); i++) {
      all.add("blocks." + i, blocks.get(i));
    }
    return all.add("finalNorm", finalNorm).add("output", output).toMap();
  }
}
