package dev.quern.transformer.export;

import dev.quern.transformer.families.Bert;
import dev.quern.transformer.families.BertClassifier;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.model.Pooling;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * BERT. GGUF has no place for a masked-language head, which is left out; a classifier of sequences
 * and the pooler before it become {@code cls.output} and {@code cls}.
 */
final class BertExport implements FamilyExport {
  private static final Pattern LAYER =
      Pattern.compile("encoder\\.layer\\.(\\d+)\\.(.+)\\.(weight|bias)");
  private static final Map<String, String> TOP =
      Map.of(
          "embeddings.word_embeddings.weight", "token_embd.weight",
          "embeddings.token_type_embeddings.weight", "token_types.weight",
          "embeddings.position_embeddings.weight", "position_embd.weight",
          "embeddings.LayerNorm.weight", "token_embd_norm.weight",
          "embeddings.LayerNorm.bias", "token_embd_norm.bias");
  private static final Map<String, String> CLASSIFIER =
      Map.of(
          "pooler.dense.weight", "cls.weight",
          "pooler.dense.bias", "cls.bias",
          "classifier.weight", "cls.output.weight",
          "classifier.bias", "cls.output.bias");
  private static final Map<String, String> IN_LAYER =
      Map.of(
          "attention.self.query", "attn_q",
          "attention.self.key", "attn_k",
          "attention.self.value", "attn_v",
          "attention.output.dense", "attn_output",
          "attention.output.LayerNorm", "attn_output_norm",
          "intermediate.dense", "ffn_up",
          "output.dense", "ffn_down",
          "output.LayerNorm", "layer_output_norm");

  private final Checkpoint checkpoint;
  private final Bert.Config config;
  private final boolean classifier;

  BertExport(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
    this.config = Bert.Config.fromJson(checkpoint.settings());
    this.classifier = checkpoint.tensors().contains("classifier.weight");
  }

  @Override
  public String architecture() {
    return "bert";
  }

  @Override
  public void settings(Pairs to) {
    to.put("block_count", config.layers())
        .put("context_length", config.contextLength())
        .put("embedding_length", config.dim())
        .put("feed_forward_length", config.hidden())
        .put("attention.head_count", config.heads())
        .put("attention.layer_norm_epsilon", config.eps())
        .put("attention.causal", false)
        .put("hidden_activation", checkpoint.settings().text("hidden_act", "gelu"))
        .put("pooling_type", classifier ? Pooling.RANK : Pooling.number(Pooling.of(checkpoint)));
    if (classifier) {
      to.put("classifier.output_labels", BertClassifier.labels(checkpoint.settings()));
    }
  }

  @Override
  public @Nullable Place place(String name) {
    String inner = name.startsWith("bert.") ? name.substring("bert.".length()) : name;
    String top = TOP.get(inner);
    if (top == null && classifier) {
      top = CLASSIFIER.get(inner);
    }
    if (top != null) {
      return Place.asIs(top);
    }
    Matcher m = LAYER.matcher(inner);
    String part = m.matches() ? IN_LAYER.get(m.group(2)) : null;
    return part == null ? null : Place.asIs("blk." + m.group(1) + "." + part + "." + m.group(3));
  }
}
