package dev.quern.transformer.export;

import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Gpt2;
import dev.quern.transformer.families.Settings;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** GPT-2, whose maps are stored as [in, out] in a folder and as [out, in] in GGUF. */
final class Gpt2Export implements FamilyExport {
  private static final String TANH_GELU = "gelu_new";
  private static final Pattern LAYER = Pattern.compile("h\\.(\\d+)\\.(.+)\\.(weight|bias)");
  private static final Map<String, String> TOP =
      Map.of(
          "wte.weight", "token_embd.weight",
          "wpe.weight", "position_embd.weight",
          "ln_f.weight", "output_norm.weight",
          "ln_f.bias", "output_norm.bias");
  private static final Map<String, String> IN_LAYER =
      Map.of(
          "ln_1", "attn_norm",
          "attn.c_attn", "attn_qkv",
          "attn.c_proj", "attn_output",
          "ln_2", "ffn_norm",
          "mlp.c_fc", "ffn_up",
          "mlp.c_proj", "ffn_down");

  private final Settings settings;
  private final Gpt2.Config config;

  Gpt2Export(Checkpoint checkpoint) {
    this.settings = checkpoint.settings();
    this.config = Gpt2.Config.fromJson(settings);
  }

  @Override
  public String architecture() {
    return "gpt2";
  }

  @Override
  public void settings(Pairs to) {
    to.put("block_count", config.layers())
        .put("context_length", config.contextLength())
        .put("embedding_length", config.dim())
        .put("feed_forward_length", config.hidden())
        .put("attention.head_count", config.heads())
        .put("attention.layer_norm_epsilon", config.eps());
    String activation = settings.text("activation_function", TANH_GELU);
    if (!activation.equals(TANH_GELU)) {
      to.put("hidden_activation", activation);
    }
  }

  @Override
  public @Nullable Place place(String name) {
    if (name.equals("lm_head.weight")) {
      return config.tied() ? null : Place.asIs("output.weight");
    }
    String root = "transformer.";
    String inner = name.startsWith(root) ? name.substring(root.length()) : name;
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
    boolean map = !part.endsWith("_norm") && m.group(3).equals("weight");
    return map ? Place.transposed(target) : Place.asIs(target);
  }
}
