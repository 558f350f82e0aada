package dev.quern.transformer.families;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.layers.Activation;
import dev.quern.transformer.layers.AttentionOptions;
import dev.quern.transformer.layers.Embedding;
import dev.quern.transformer.layers.GatedFeedForward;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.MultiHeadAttention;
import dev.quern.transformer.layers.Rope;
import dev.quern.transformer.layers.TransformerBlock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Llama 1 to 3.2 (Touvron et al. 2023; Grattafiori et al. 2024) and Mistral (Jiang et al. 2023),
 * which is a Llama with a sliding window: pre-norm blocks of RMSNorm, rotary grouped-query
 * attention and SwiGLU.
 *
 * <p>GGUF stores the rows of q and k so that rotary pairs are neighbours, Hugging Face so that they
 * are half a head apart; both give the same logits.
 */
public final class Llama {

  /**
   * What a Llama is, beside its weights.
   *
   * @param dim extent of the hidden states
   * @param layers number of blocks
   * @param heads query heads
   * @param kvHeads key/value heads
   * @param headDim extent of a head
   * @param hidden extent inside the feed-forward layer
   * @param eps of the norms
   * @param contextLength how many tokens a sequence may have
   * @param window how many tokens attention sees, or 0 for all
   * @param interleaved whether rotary pairs are neighbours
   * @param tied whether the output projection is the embedding
   * @param attentionBias whether q, k, v and the output projection have biases
   * @param feedForwardBias whether the feed-forward maps have biases
   */
  public record Config(
      int dim,
      int layers,
      int heads,
      int kvHeads,
      int headDim,
      int hidden,
      double eps,
      int contextLength,
      int window,
      boolean interleaved,
      boolean tied,
      boolean attentionBias,
      boolean feedForwardBias) {

    /**
     * Reads GGUF metadata.
     *
     * @param w the checkpoint's weights
     * @return the configuration
     * @throws FormatException if a key is missing or wrong
     * @throws NotSupportedException if it is a mixture of experts, or not causal
     */
    public static Config fromGguf(Weights w) {
      Settings s = w.checkpoint().settings();
      String p = w.checkpoint().architecture() + ".";
      int experts = s.integer(p + "expert_count", 0);
      if (experts > 0) {
        throw new NotSupportedException(
            s.source()
                + ": '"
                + p
                + "expert_count' is "
                + experts
                + "; mixtures of experts are not supported, take a dense model");
      }
      if (!s.flag(p + "attention.causal", true)) {
        throw new NotSupportedException(
            s.source() + ": '" + p + "attention.causal' is false; a Llama is a causal model");
      }
      int dim = s.positive(p + "embedding_length");
      int heads = s.positive(p + "attention.head_count");
      int headDim = s.positive(p + "attention.key_length", dim / heads);
      return new Config(
          dim,
          s.positive(p + "block_count"),
          heads,
          s.positive(p + "attention.head_count_kv", heads),
          headDim,
          s.positive(p + "feed_forward_length"),
          s.number(p + "attention.layer_norm_rms_epsilon"),
          s.positive(p + "context_length"),
          s.integer(p + "attention.sliding_window", 0),
          true,
          !w.contains("output.weight"),
          w.contains("blk.0.attn_q.bias"),
          w.contains("blk.0.ffn_up.bias"));
    }

    /**
     * Reads {@code config.json}. As in Transformers, only a Mistral has a sliding window.
     *
     * @param s its settings
     * @return the configuration
     * @throws FormatException if a key is missing or wrong
     * @throws NotSupportedException if it asks for an activation there is not
     */
    public static Config fromJson(Settings s) {
      int dim = s.positive("hidden_size");
      int heads = s.positive("num_attention_heads");
      int headDim = s.positive("head_dim", dim / heads);
      String activation = s.text("hidden_act", "silu");
      if (!activation.equals("silu") && !activation.equals("swish")) {
        throw new NotSupportedException(
            s.source() + ": 'hidden_act' is \"" + activation + "\"; a Llama has \"silu\"");
      }
      return new Config(
          dim,
          s.positive("num_hidden_layers"),
          heads,
          s.positive("num_key_value_heads", heads),
          headDim,
          s.positive("intermediate_size"),
          s.number("rms_norm_eps"),
          s.positive("max_position_embeddings"),
          s.text("model_type", "llama").equals("mistral") ? s.integer("sliding_window", 0) : 0,
          false,
          s.flag("tie_word_embeddings", false),
          s.flag("attention_bias", false),
          s.flag("mlp_bias", false));
    }
  }

  /** {@code config.json} of a new Llama. */
  static Map<String, Object> settings(ModelShape m) {
    Map<String, Object> s = NewModel.settings("llama", "LlamaForCausalLM", m);
    s.put("hidden_size", m.dim());
    s.put("num_hidden_layers", m.layers());
    s.put("num_attention_heads", m.heads());
    s.put("num_key_value_heads", m.kvHeads());
    s.put("intermediate_size", m.hidden());
    s.put("max_position_embeddings", m.contextLength());
    s.put("hidden_act", "silu");
    s.put("rms_norm_eps", 1e-5);
    s.put("rope_theta", 10_000.0);
    s.put("attention_bias", false);
    s.put("mlp_bias", false);
    return s;
  }

  /** How a checkpoint names its tensors; {@code %d} is the block. */
  private record Names(
      String embedding,
      String finalNorm,
      String output,
      String attentionNorm,
      String query,
      String key,
      String value,
      String attentionOutput,
      String feedForwardNorm,
      String gate,
      String up,
      String down) {
    static final Names GGUF =
        new Names(
            "token_embd",
            "output_norm",
            "output",
            "blk.%d.attn_norm",
            "blk.%d.attn_q",
            "blk.%d.attn_k",
            "blk.%d.attn_v",
            "blk.%d.attn_output",
            "blk.%d.ffn_norm",
            "blk.%d.ffn_gate",
            "blk.%d.ffn_up",
            "blk.%d.ffn_down");
    static final Names HUGGING_FACE =
        new Names(
            "model.embed_tokens",
            "model.norm",
            "lm_head",
            "model.layers.%d.input_layernorm",
            "model.layers.%d.self_attn.q_proj",
            "model.layers.%d.self_attn.k_proj",
            "model.layers.%d.self_attn.v_proj",
            "model.layers.%d.self_attn.o_proj",
            "model.layers.%d.post_attention_layernorm",
            "model.layers.%d.mlp.gate_proj",
            "model.layers.%d.mlp.up_proj",
            "model.layers.%d.mlp.down_proj");
  }

  private Llama() {}

  /**
   * Loads a Llama.
   *
   * @param w weights of a GGUF file or Hugging Face folder; they stay open while it is used
   * @return the model
   * @throws FormatException if settings or tensors are missing, left over or wrong
   * @throws NotSupportedException if the settings ask for something there is not
   */
  public static Decoder load(Weights w) {
    boolean gguf = w.checkpoint().format() == Checkpoint.Format.GGUF;
    Config c = gguf ? Config.fromGguf(w) : Config.fromJson(w.checkpoint().settings());
    Names n = gguf ? Names.GGUF : Names.HUGGING_FACE;
    int vocabulary = w.extent(n.embedding + ".weight", 0, "vocab_size");
    Embedding embedding = new Embedding(w.stored(n.embedding + ".weight", vocabulary, c.dim));
    Rope rope = RopeSettings.load(w, c.headDim, c.interleaved);
    List<TransformerBlock> blocks = new ArrayList<>();
    for (int i = 0; i < c.layers; i++) {
      blocks.add(block(w, c, n, rope, i));
    }
    Linear output = c.tied ? embedding.tied() : w.linear(n.output, vocabulary, c.dim, false);
    Decoder model =
        new DecoderStack(
            "llama",
            new Decoder.Dimensions(
                vocabulary, c.dim, c.layers, c.kvHeads, c.headDim, c.contextLength),
            embedding,
            null,
            blocks,
            w.rmsNorm(n.finalNorm, c.dim, c.eps),
            output);
    // A tied checkpoint may repeat its embedding; early ones carry the rotary frequencies.
    w.checkAllUsed(
        name -> (c.tied && name.equals("lm_head.weight")) || name.endsWith(".rotary_emb.inv_freq"));
    return model;
  }

  private static TransformerBlock block(Weights w, Config c, Names n, Rope rope, int i) {
    int q = c.heads * c.headDim;
    int kv = c.kvHeads * c.headDim;
    MultiHeadAttention attention =
        new MultiHeadAttention(
            w.linear(n.query.formatted(i), q, c.dim, c.attentionBias),
            w.linear(n.key.formatted(i), kv, c.dim, c.attentionBias),
            w.linear(n.value.formatted(i), kv, c.dim, c.attentionBias),
            w.linear(n.attentionOutput.formatted(i), c.dim, q, c.attentionBias),
            AttentionOptions.of(c.heads, c.kvHeads, true).withWindow(c.window),
            rope);
    GatedFeedForward feedForward =
        new GatedFeedForward(
            w.linear(n.gate.formatted(i), c.hidden, c.dim, c.feedForwardBias),
            w.linear(n.up.formatted(i), c.hidden, c.dim, c.feedForwardBias),
            Activation.SILU,
            w.linear(n.down.formatted(i), c.dim, c.hidden, c.feedForwardBias));
    return new TransformerBlock.PreNorm(
        w.rmsNorm(n.attentionNorm.formatted(i), c.dim, c.eps),
        attention,
        w.rmsNorm(n.feedForwardNorm.formatted(i), c.dim, c.eps),
        feedForward);
  }
}
