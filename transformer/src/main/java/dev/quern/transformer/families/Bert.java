package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.layers.Activation;
import dev.quern.transformer.layers.AttentionContext;
import dev.quern.transformer.layers.AttentionOptions;
import dev.quern.transformer.layers.Embedding;
import dev.quern.transformer.layers.FeedForward;
import dev.quern.transformer.layers.LayerNorm;
import dev.quern.transformer.layers.LearnedPositions;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.MultiHeadAttention;
import dev.quern.transformer.layers.NamedTensors;
import dev.quern.transformer.layers.TrainingMode;
import dev.quern.transformer.layers.TransformerBlock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * BERT (Devlin et al. 2019): token, segment and learned position embeddings, and post-norm blocks
 * of bidirectional attention and a GELU feed-forward layer. With its masked-language head where the
 * checkpoint has one; the pooler is not used.
 *
 * <p>Most GGUF files do not say which GELU they want; llama.cpp takes the tanh formula, and so does
 * this. {@code config.json} does say, and so do files that Quern exports ({@code
 * bert.hidden_activation}).
 */
public final class Bert implements Encoder {

  /**
   * What a BERT is, beside its weights.
   *
   * @param dim extent of the hidden states
   * @param layers number of blocks
   * @param heads attention heads
   * @param hidden extent inside the feed-forward layer
   * @param eps of the norms
   * @param contextLength how many tokens a sequence may have
   * @param activation inside the feed-forward layer and the head
   * @param tied whether the masked-language head's output projection is the embedding
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
     * @param s the metadata
     * @param architecture the prefix of its keys
     * @return the configuration
     * @throws FormatException if a key is missing or wrong
     * @throws NotSupportedException if attention is causal
     */
    public static Config fromGguf(Settings s, String architecture) {
      String p = architecture + ".";
      if (s.flag(p + "attention.causal", false)) {
        throw new NotSupportedException(
            s.source() + ": '" + p + "attention.causal' is true; a BERT looks both ways");
      }
      return new Config(
          s.positive(p + "embedding_length"),
          s.positive(p + "block_count"),
          s.positive(p + "attention.head_count"),
          s.positive(p + "feed_forward_length"),
          s.number(p + "attention.layer_norm_epsilon"),
          s.positive(p + "context_length"),
          Activations.of(s, p + "hidden_activation", "gelu_new"),
          true);
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
      String positions = s.text("position_embedding_type", "absolute");
      if (!positions.equals("absolute") || s.flag("is_decoder", false)) {
        throw new NotSupportedException(
            s.source()
                + ": only encoders with \"absolute\" 'position_embedding_type' are supported, got"
                + " \""
                + positions
                + "\""
                + (s.flag("is_decoder", false) ? " and 'is_decoder' true" : ""));
      }
      return new Config(
          s.positive("hidden_size"),
          s.positive("num_hidden_layers"),
          s.positive("num_attention_heads"),
          s.positive("intermediate_size"),
          s.number("layer_norm_eps", 1e-12),
          s.positive("max_position_embeddings"),
          Activations.of(s, "hidden_act", "gelu"),
          s.flag("tie_word_embeddings", true));
    }
  }

  /** {@code config.json} of a new BERT. */
  static Map<String, Object> settings(ModelShape m) {
    NewModel.requireUngrouped("bert", m);
    boolean classes = m.head() == ModelShape.Head.CLASSES;
    Map<String, Object> s =
        NewModel.settings("bert", classes ? "BertForSequenceClassification" : "BertForMaskedLM", m);
    s.put("hidden_size", m.dim());
    s.put("num_hidden_layers", m.layers());
    s.put("num_attention_heads", m.heads());
    s.put("intermediate_size", m.hidden());
    s.put("max_position_embeddings", m.contextLength());
    s.put("type_vocab_size", 2);
    s.put("hidden_act", "gelu");
    s.put("layer_norm_eps", 1e-12);
    s.put("position_embedding_type", "absolute");
    if (classes) {
      Map<String, String> names = new LinkedHashMap<>();
      Map<String, Integer> ids = new LinkedHashMap<>();
      for (String label : m.labels()) {
        names.put(String.valueOf(ids.size()), label);
        ids.put(label, ids.size());
      }
      s.put("id2label", names);
      s.put("label2id", ids);
    }
    return s;
  }

  /** The masked-language head: output(norm(f(transform(x)))). */
  private record Head(Linear transform, Activation activation, LayerNorm norm, Linear output) {}

  private final Dimensions dimensions;
  private final Embedding embedding;
  private final Embedding tokenTypes;
  private final LearnedPositions positions;
  private final LayerNorm embeddingNorm;
  private final List<TransformerBlock> blocks;
  private final @Nullable Head head;

  private Bert(
      Dimensions dimensions,
      Embedding embedding,
      Embedding tokenTypes,
      LearnedPositions positions,
      LayerNorm embeddingNorm,
      List<TransformerBlock> blocks,
      @Nullable Head head) {
    this.dimensions = dimensions;
    this.embedding = embedding;
    this.tokenTypes = tokenTypes;
    this.positions = positions;
    this.embeddingNorm = embeddingNorm;
    this.blocks = List.copyOf(blocks);
    this.head = head;
  }

  /**
   * Loads a BERT.
   *
   * @param w weights of a GGUF file or Hugging Face folder; they stay open while it is used
   * @return the model
   * @throws FormatException if settings or tensors are missing, left over or wrong
   * @throws NotSupportedException if the settings ask for something there is not
   */
  public static Bert load(Weights w) {
    return w.checkpoint().format() == Checkpoint.Format.GGUF ? fromGguf(w) : fromFolder(w);
  }

  private static Bert fromGguf(Weights w) {
    Config c = Config.fromGguf(w.checkpoint().settings(), w.checkpoint().architecture());
    int d = c.dim;
    List<TransformerBlock> blocks = new ArrayList<>();
    for (int i = 0; i < c.layers; i++) {
      String p = "blk." + i + ".";
      blocks.add(
          block(
              c,
              new MultiHeadAttention(
                  w.linear(p + "attn_q", d, d, true),
                  w.linear(p + "attn_k", d, d, true),
                  w.linear(p + "attn_v", d, d, true),
                  w.linear(p + "attn_output", d, d, true),
                  AttentionOptions.of(c.heads, false),
                  null),
              w.layerNorm(p + "attn_output_norm", d, c.eps),
              w.linear(p + "ffn_up", c.hidden, d, true),
              w.linear(p + "ffn_down", d, c.hidden, true),
              w.layerNorm(p + "layer_output_norm", d, c.eps)));
    }
    Bert model =
        finish(w, c, blocks, null, "token_embd", "token_types", "position_embd", "token_embd_norm");
    w.checkAllUsed(_ -> false);
    return model;
  }

  private static Bert fromFolder(Weights w) {
    Config c = Config.fromJson(w.checkpoint().settings());
    int d = c.dim;
    // Classes with a head save the same names under a prefix.
    String root = w.contains("embeddings.word_embeddings.weight") ? "" : "bert.";
    List<TransformerBlock> blocks = new ArrayList<>();
    for (int i = 0; i < c.layers; i++) {
      String p = root + "encoder.layer." + i + ".";
      blocks.add(
          block(
              c,
              new MultiHeadAttention(
                  w.linear(p + "attention.self.query", d, d, true),
                  w.linear(p + "attention.self.key", d, d, true),
                  w.linear(p + "attention.self.value", d, d, true),
                  w.linear(p + "attention.output.dense", d, d, true),
                  AttentionOptions.of(c.heads, false),
                  null),
              w.layerNorm(p + "attention.output.LayerNorm", d, c.eps),
              w.linear(p + "intermediate.dense", c.hidden, d, true),
              w.linear(p + "output.dense", d, c.hidden, true),
              w.layerNorm(p + "output.LayerNorm", d, c.eps)));
    }
    String e = root + "embeddings.";
    Bert model =
        finish(
            w,
            c,
            blocks,
            head(w, c, e + "word_embeddings.weight"),
            e + "word_embeddings",
            e + "token_type_embeddings",
            e + "position_embeddings",
            e + "LayerNorm");
    // The pooler and the next-sentence head are not used; the decoder repeats embedding and bias.
    w.checkAllUsed(
        n ->
            n.startsWith(root + "pooler.")
                || n.startsWith("cls.seq_relationship.")
                || n.startsWith("cls.predictions.decoder.")
                || n.equals(e + "position_ids"));
    return model;
  }

  private static @Nullable Head head(Weights w, Config c, String embeddingName) {
    String p = "cls.predictions.";
    if (!w.contains(p + "transform.dense.weight")) {
      return null;
    }
    int vocabulary = w.extent(embeddingName, 0, "vocab_size");
    String output = c.tied ? embeddingName : p + "decoder.weight";
    // An untied projection may have a bias of its own; older checkpoints share the head's.
    boolean ownBias = !c.tied && w.contains(p + "decoder.bias");
    return new Head(
        w.linear(p + "transform.dense", c.dim, c.dim, true),
        c.activation,
        w.layerNorm(p + "transform.LayerNorm", c.dim, c.eps),
        new Linear(
            w.stored(output, vocabulary, c.dim),
            w.f32(p + (ownBias ? "decoder.bias" : "bias"), vocabulary)));
  }

  private static TransformerBlock block(
      Config c,
      MultiHeadAttention attention,
      LayerNorm attentionNorm,
      Linear up,
      Linear down,
      LayerNorm feedForwardNorm) {
    return new TransformerBlock.PostNorm(
        attention, attentionNorm, new FeedForward(up, c.activation, down), feedForwardNorm);
  }

  private static Bert finish(
      Weights w,
      Config c,
      List<TransformerBlock> blocks,
      @Nullable Head head,
      String embeddingName,
      String typesName,
      String positionsName,
      String normName) {
    int vocabulary = w.extent(embeddingName + ".weight", 0, "vocab_size");
    int types = w.extent(typesName + ".weight", 0, "type_vocab_size");
    return new Bert(
        new Dimensions(vocabulary, c.dim, c.layers, c.contextLength, types),
        new Embedding(w.stored(embeddingName + ".weight", vocabulary, c.dim)),
        new Embedding(w.stored(typesName + ".weight", types, c.dim)),
        new LearnedPositions(w.stored(positionsName + ".weight", c.contextLength, c.dim)),
        w.layerNorm(normName, c.dim, c.eps),
        blocks,
        head);
  }

  @Override
  public String family() {
    return "bert";
  }

  @Override
  public Dimensions dimensions() {
    return dimensions;
  }

  @Override
  public Tensor forward(
      Tensor tokens, @Nullable Tensor types, @Nullable Tensor lengths, TrainingMode training) {
    AttentionContext context = AttentionContext.whole(tokens, lengths);
    Tensor segments = types == null ? tokens.scalarLike(0).expand(tokens.shape()) : types;
    Tensor x = embedding.forward(tokens).add(tokenTypes.forward(segments));
    x = embeddingNorm.forward(positions.forward(x, context.positions()));
    x = training.saw("embedding", training.drop(x, 0));
    for (int i = 0; i < blocks.size(); i++) {
      TransformerBlock block = blocks.get(i);
      AttentionContext own = context.with(training.at(i + 1));
      x = training.saw("blocks." + i, training.run(in -> block.forward(in, own), x));
    }
    return x;
  }

  @Override
  public boolean hasLogits() {
    return head != null;
  }

  @Override
  public Tensor logits(Tensor hidden) {
    if (head == null) {
      throw new NotSupportedException(
          "[bert] this checkpoint has no masked-language head (cls.predictions); open one that was"
              + " saved with it, such as a BertForMaskedLM");
    }
    Tensor x = head.activation.forward(head.transform.forward(hidden));
    return head.output.forward(head.norm.forward(x));
  }

  @Override
  public Map<String, Tensor> parameters() {
    NamedTensors all =
        new NamedTensors()
            .add("embedding", embedding)
            .add("tokenTypes", tokenTypes)
            .add("positions", positions)
            .add("embeddingNorm", embeddingNorm);
    for (int i = 0; i < blocks.size(); i++) {
      all.add("blocks." + i, blocks.get(i));
    }
    if (head != null) {
      all.add("head.transform", head.transform);
      all.add("head.norm", head.norm).add("head.output", head.output);
    }
    return all.toMap();
  }
}
