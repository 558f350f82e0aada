package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.layers.Activation;
import dev.quern.transformer.layers.AttentionOptions;
import dev.quern.transformer.layers.Embedding;
import dev.quern.transformer.layers.FeedForward;
import dev.quern.transformer.layers.LayerNorm;
import dev.quern.transformer.layers.LearnedPositions;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.MultiHeadAttention;
import dev.quern.transformer.layers.TransformerBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * GPT-2 (Radford et al. 2019): learned positions and pre-norm blocks of LayerNorm, multi-head
 * attention and a GELU feed-forward layer, all with biases.
 *
 * <p>q, k and v are one stored map; they become three views of it. Hugging Face stores its maps
 * transposed ([in, out]); they are turned once when the model is loaded.
 */
public final class Gpt2 {

  /**
   * What a GPT-2 is, beside its weights.
   *
   * @param dim extent of the hidden states
   * @param layers number of blocks
   * @param heads attention heads
   * @param hidden extent inside the feed-forward layer
   * @param eps of the norms
   * @param contextLength how many tokens a sequence may have
   * @param activation inside the feed-forward layer
   * @param tied whether the output projection is the embedding
   */
  public record Config(
      int dim,
      int layers,
      int heads,
      int hidden,
      double eps,
      int contextLength,
      Activation activation,
      boolean tied) {

    /**
     * Reads GGUF metadata.
     *
     * @param w the checkpoint's weights
     * @return the configuration
     * @throws FormatException if a key is missing or wrong
     */
    public static Config fromGguf(Weights w) {
      Settings s = w.checkpoint().settings();
      String p = w.checkpoint().architecture() + ".";
      return new Config(
          s.positive(p + "embedding_length"),
          s.positive(p + "block_count"),
          s.positive(p + "attention.head_count"),
          s.positive(p + "feed_forward_length"),
          s.number(p + "attention.layer_norm_epsilon"),
          s.positive(p + "context_length"),
          Activations.of(s, p + "hidden_activation", "gelu_new"),
          !w.contains("output.weight"));
    }

    /**
     * Reads {@code config.json}.
     *
     * @param s its settings
     * @return the configuration
     * @throws FormatException if a key is missing or wrong
     * @throws NotSupportedException if it asks for something there is not
     */
    public static Config fromJson(Settings s) {
      int dim = s.positive("n_embd");
      for (String key : List.of("scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn")) {
        if (s.flag(key, false)) {
          throw new NotSupportedException(
              s.source() + ": '" + key + "' is true; only plain GPT-2 attention is supported");
        }
      }
      if (!s.flag("scale_attn_weights", true)) {
        throw new NotSupportedException(
            s.source()
                + ": 'scale_attn_weights' is false; only plain GPT-2 attention is supported");
      }
      return new Config(
          dim,
          s.positive("n_layer"),
          s.positive("n_head"),
          s.positive("n_inner", 4 * dim),
          s.number("layer_norm_epsilon", 1e-5),
          s.positive("n_positions"),
          Activations.of(s, "activation_function", "gelu_new"),
          s.flag("tie_word_embeddings", true));
    }
  }

  /** {@code config.json} of a new GPT-2. */
  static Map<String, Object> settings(ModelShape m) {
    NewModel.requireUngrouped("gpt2", m);
    Map<String, Object> s = NewModel.settings("gpt2", "GPT2LMHeadModel", m);
    s.put("n_embd", m.dim());
    s.put("n_layer", m.layers());
    s.put("n_head", m.heads());
    s.put("n_inner", m.hidden());
    s.put("n_positions", m.contextLength());
    s.put("activation_function", "gelu_new");
    s.put("layer_norm_epsilon", 1e-5);
    return s;
  }

  private Gpt2() {}

  /**
   * Loads a GPT-2.
   *
   * @param w weights of a GGUF file or Hugging Face folder; they stay open while it is used
   * @return the model
   * @throws FormatException if settings or tensors are missing, left over or wrong
   * @throws NotSupportedException if the settings ask for something there is not
   */
  public static Decoder load(Weights w) {
    return w.checkpoint().format() == Checkpoint.Format.GGUF ? fromGguf(w) : fromFolder(w);
  }

  private static Decoder fromGguf(Weights w) {
    Config c = Config.fromGguf(w);
    int d = c.dim;
    List<TransformerBlock> blocks = new ArrayList<>();
    for (int i = 0; i < c.layers; i++) {
      String p = "blk." + i + ".";
      blocks.add(
          block(
              c,
              w.layerNorm(p + "attn_norm", d, c.eps),
              w.linear(p + "attn_qkv", 3L * d, d, true),
              w.linear(p + "attn_output", d, d, true),
              w.layerNorm(p + "ffn_norm", d, c.eps),
              w.linear(p + "ffn_up", c.hidden, d, true),
              w.linear(p + "ffn_down", d, c.hidden, true)));
    }
    return finish(w, c, blocks, "token_embd", "position_embd", "output_norm", "output");
  }

  private static Decoder fromFolder(Weights w) {
    Config c = Config.fromJson(w.checkpoint().settings());
    int d = c.dim;
    // The headless class saves the same names without the prefix.
    String root = w.contains("wte.weight") ? "" : "transformer.";
    List<TransformerBlock> blocks = new ArrayList<>();
    for (int i = 0; i < c.layers; i++) {
      String p = root + "h." + i + ".";
      blocks.add(
          block(
              c,
              w.layerNorm(p + "ln_1", d, c.eps),
              transposed(w, p + "attn.c_attn", 3L * d, d),
              transposed(w, p + "attn.c_proj", d, d),
              w.layerNorm(p + "ln_2", d, c.eps),
              transposed(w, p + "mlp.c_fc", c.hidden, d),
              transposed(w, p + "mlp.c_proj", d, c.hidden)));
    }
    return finish(w, c, blocks, root + "wte", root + "wpe", root + "ln_f", "lm_head");
  }

  private static Linear transposed(Weights w, String prefix, long out, long in) {
    return new Linear(w.transposed(prefix + ".weight", out, in), w.f32(prefix + ".bias", out));
  }

  private static TransformerBlock block(
      Config c,
      LayerNorm attentionNorm,
      Linear qkv,
      Linear output,
      LayerNorm feedForwardNorm,
      Linear up,
      Linear down) {
    MultiHeadAttention attention =
        new MultiHeadAttention(
            third(qkv, 0),
            third(qkv, 1),
            third(qkv, 2),
            output,
            AttentionOptions.of(c.heads, true),
            null);
    return new TransformerBlock.PreNorm(
        attentionNorm, attention, feedForwardNorm, new FeedForward(up, c.activation, down));
  }

  /** One of the three maps that are stored one after another. */
  private static Linear third(Linear qkv, int index) {
    long n = qkv.outFeatures() / 3;
    Tensor bias = qkv.bias();
    return new Linear(
        qkv.weight().slice(0, index * n, n), bias == null ? null : bias.slice(0, index * n, n));
  }

  private static Decoder finish(
      Weights w,
      Config c,
      List<TransformerBlock> blocks,
      String embeddingName,
      String positionsName,
      String normName,
      String outputName) {
    int vocabulary = w.extent(embeddingName + ".weight", 0, "vocab_size");
    Embedding embedding = new Embedding(w.stored(embeddingName + ".weight", vocabulary, c.dim));
    Linear output = c.tied ? embedding.tied() : w.linear(outputName, vocabulary, c.dim, false);
    Decoder model =
        new DecoderStack(
            "gpt2",
            new Decoder.Dimensions(
                vocabulary, c.dim, c.layers, c.heads, c.dim / c.heads, c.contextLength),
            embedding,
            new LearnedPositions(w.stored(positionsName + ".weight", c.contextLength, c.dim)),
            blocks,
            w.layerNorm(normName, c.dim, c.eps),
            output);
    // Old checkpoints carry their causal masks; a tied one may repeat its embedding.
    w.checkAllUsed(
        n ->
            n.endsWith(".attn.bias")
                || n.endsWith(".attn.masked_bias")
                || (c.tied && n.equals("lm_head.weight")));
    return model;
  }
}
