package dev.quern.transformer.export;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Llama;
import dev.quern.transformer.families.Settings;
import dev.quern.transformer.layers.RopeFrequencies;
import java.util.Map;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Llama and Mistral as GGUF's {@code llama}. Rows of q and k are put where GGUF's rotary pairs are:
 * side by side. Llama 3's scaling becomes the tensor {@code rope_freqs.weight}.
 */
final class LlamaExport implements FamilyExport {
  private static final Pattern LAYER = Pattern.compile("layers\\.(\\d+)\\.(.+)\\.(weight|bias)");
  private static final Map<String, String> TOP =
      Map.of("embed_tokens.weight", "token_embd.weight", "norm.weight", "output_norm.weight");
  private static final Map<String, String> IN_LAYER =
      Map.of(
          "input_layernorm", "attn_norm",
          "self_attn.q_proj", "attn_q",
          "self_attn.k_proj", "attn_k",
          "self_attn.v_proj", "attn_v",
          "self_attn.o_proj", "attn_output",
          "post_attention_layernorm", "ffn_norm",
          "mlp.gate_proj", "ffn_gate",
          "mlp.up_proj", "ffn_up",
          "mlp.down_proj", "ffn_down");

  private final Settings settings;
  private final Llama.Config config;
  private final int vocabulary;

  LlamaExport(Checkpoint checkpoint) {
    this.settings = checkpoint.settings();
    this.config = Llama.Config.fromJson(settings);
    this.vocabulary =
        Math.toIntExact(checkpoint.tensors().spec("model.embed_tokens.weight").shape().dim(0));
  }

  @Override
  public String architecture() {
    return "llama";
  }

  @Override
  public void settings(Pairs to) {
    to.put("block_count", config.layers())
        .put("context_length", config.contextLength())
        .put("embedding_length", config.dim())
        .put("feed_forward_length", config.hidden())
        .put("attention.head_count", config.heads())
        .put("attention.head_count_kv", config.kvHeads());
    if (rope().text("rope_type", rope().text("type", "default")).equals("linear")) {
      to.put("rope.scaling.type", "linear").put("rope.scaling.factor", rope().number("factor"));
    }
    to.put("rope.freq_base", theta())
        .put("attention.layer_norm_rms_epsilon", config.eps())
        .put("attention.key_length", config.headDim())
        .put("attention.value_length", config.headDim());
    if (config.window() > 0) {
      to.put("attention.sliding_window", config.window());
    }
    to.put("vocab_size", vocabulary).put("rope.dimension_count", config.headDim());
  }

  /** Where the settings of rotary embeddings are: Transformers 5 has them all in one place. */
  private Settings rope() {
    return settings.object(isNewStyle() ? "rope_parameters" : "rope_scaling");
  }

  private boolean isNewStyle() {
    return settings.has("rope_parameters");
  }

  private double theta() {
    return (isNewStyle() ? rope() : settings).number("rope_theta", 10_000);
  }

  @Override
  public @Nullable Place place(String name) {
    if (name.equals("lm_head.weight")) {
      return config.tied() ? null : Place.asIs("output.weight");
    }
    String inner = name.startsWith("model.") ? name.substring("model.".length()) : name;
    String top = TOP.get(inner);
    if (top != null) {
      return Place.asIs(top);
    }
    Matcher m = LAYER.matcher(inner);
    String part = m.matches() ? IN_LAYER.get(m.group(2)) : null;
    if (part == null) {
      return null;
    }
    String target = "blk." + m.group(1) + "." + part + "." + m.group(3);
    return switch (part) {
      case "attn_q" -> Place.paired(target, config.heads());
      case "attn_k" -> Place.paired(target, config.kvHeads());
      default -> Place.asIs(target);
    };
  }

  @Override
  public Map<String, Supplier<Tensor>> more(Engine engine) {
    Settings rope = rope();
    if (!rope.text("rope_type", rope.text("type", "default")).equals("llama3")) {
      return Map.of();
    }
    double[] plain = RopeFrequencies.standard(config.headDim(), theta());
    double[] scaled =
        RopeFrequencies.llama3(
            plain,
            rope.number("factor"),
            rope.number("low_freq_factor"),
            rope.number("high_freq_factor"),
            rope.number("original_max_position_embeddings"));
    float[] factors = new float[plain.length];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = (float) (plain[i] / scaled[i]);
    }
    return Map.of("rope_freqs.weight", () -> engine.tensor(factors));
  }
}
