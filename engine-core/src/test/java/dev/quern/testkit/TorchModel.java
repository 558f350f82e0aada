package dev.quern.testkit;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The small models of the training data, in plain operations.
 *
 * @param engine the engine
 * @param config of model.json
 * @param parameters by name
 * @param batch arrays of the batch
 */
public record TorchModel(
    Engine engine, JsonNode config, Map<String, Tensor> parameters, Map<String, Tensor> batch) {

  /** The models that are written here. */
  public static final Map<String, Function<TorchModel, Tensor>> LOGITS =
      Map.of(
          "gpt2", TorchModel::gpt2,
          "llama", TorchModel::llama);

  private Tensor p(String name) {
    Tensor t = parameters.get(name);
    if (t == null) {
      throw new IllegalArgumentException("no parameter " + name + " among " + parameters.keySet());
    }
    return t;
  }

  private int size(String name) {
    return config.get(name).asInt();
  }

  private float eps(String name) {
    return (float) config.get(name).asDouble();
  }

  private ScalarType type() {
    return (ScalarType) parameters.values().iterator().next().dtype();
  }

  private Tensor rows(String table, Tensor ids) {
    return p(table).embedding(ids, type());
  }

  private Tensor layerNorm(Tensor x, String name, String eps) {
    return x.layerNorm(p(name + ".weight"), p(name + ".bias"), eps(eps));
  }

  /** Weights [in, out]. */
  private Tensor conv1d(Tensor x, String name) {
    return x.matmul(p(name + ".weight")).add(p(name + ".bias"));
  }

  private static Tensor heads(Tensor x, long heads) {
    Shape s = x.shape();
    return x.reshape(s.dim(0), s.dim(1), heads, s.dim(2) / heads);
  }

  /** Causal attention whose scale is not rounded to F32, as the operation's own is. */
  private static Tensor attention(Tensor q, Tensor k, Tensor v) {
    Tensor scaled = q.mul(1 / Math.sqrt((double) q.shape().dim(-1)));
    return scaled.attention(k, v, new AttentionOp.Attention(true, 1, 0, 0, false, false, false));
  }

  private Tensor gpt2() {
    Tensor ids = batch.get("input_ids");
    long n = size("n_embd");
    Tensor x = rows("wte.weight", ids).add(p("wpe.weight").slice(0, 0, ids.shape().dim(1)));
    for (int i = 0; i < size("n_layer"); i++) {
      String h = "h." + i + ".";
      Tensor y = conv1d(layerNorm(x, h + "ln_1", "layer_norm_epsilon"), h + "attn.c_attn");
      List<Tensor> qkv = y.split(-1, n, n, n);
      int k = size("n_head");
      Tensor a = attention(heads(qkv.get(0), k), heads(qkv.get(1), k), heads(qkv.get(2), k));
      x = x.add(conv1d(a.reshape(x.shape()), h + "attn.c_proj"));
      Tensor m = conv1d(layerNorm(x, h + "ln_2", "layer_norm_epsilon"), h + "mlp.c_fc");
      x = x.add(conv1d(m.geluTanh(), h + "mlp.c_proj"));
    }
    return layerNorm(x, "ln_f", "layer_norm_epsilon").linear(p("wte.weight"));
  }

  private Tensor llama() {
    Tensor ids = batch.get("input_ids");
    int d = size("head_dim");
    double[] f = new double[d / 2];
    for (int i = 0; i < f.length; i++) {
      f[i] = Math.pow(config.get("rope_theta").asDouble(), -2.0 * i / d);
    }
    Tensor frequencies = engine.tensor(f, f.length).cast(type());
    Tensor at = ids.arange(ScalarType.I64, ids.shape().dim(1)).expand(ids.shape());
    Tensor x = rows("model.embed_tokens.weight", ids);
    for (int i = 0; i < size("num_hidden_layers"); i++) {
      String l = "model.layers." + i + ".";
      Tensor y = x.rmsNorm(p(l + "input_layernorm.weight"), eps("rms_norm_eps"));
      String a = l + "self_attn.";
      Tensor q = heads(y.linear(p(a + "q_proj.weight")), size("num_attention_heads"));
      Tensor k = heads(y.linear(p(a + "k_proj.weight")), size("num_key_value_heads"));
      Tensor v = heads(y.linear(p(a + "v_proj.weight")), size("num_key_value_heads"));
      Tensor o = attention(q.rope(at, frequencies, false), k.rope(at, frequencies, false), v);
      x = x.add(o.reshape(x.shape()).linear(p(a + "o_proj.weight")));
      y = x.rmsNorm(p(l + "post_attention_layernorm.weight"), eps("rms_norm_eps"));
      Tensor gate = y.linear(p(l + "mlp.gate_proj.weight"));
      Tensor up = y.linear(p(l + "mlp.up_proj.weight"));
      x = x.add(gate.swiGlu(up).linear(p(l + "mlp.down_proj.weight")));
    }
    return x.rmsNorm(p("model.norm.weight"), eps("rms_norm_eps")).linear(p("lm_head.weight"));
  }
}
