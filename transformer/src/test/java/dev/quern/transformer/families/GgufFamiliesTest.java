package dev.quern.transformer.families;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.layers.AttentionContext;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** GPT-2 and BERT from GGUF: the golden folders' tensors under the names that GGUF gives them. */
class GgufFamiliesTest {
  @TempDir Path temp;

  /** What GGUF and the folder call a layer; its tensors are its weight and its bias. */
  private record Name(String gguf, String folder) {}

  private static GgufWriter header(String family, double eps, int hidden) {
    String p = family + ".";
    return new GgufWriter()
        .put("general.architecture", GgufValue.of(family))
        .put(p + "context_length", GgufValue.uint32(48))
        .put(p + "embedding_length", GgufValue.uint32(32))
        .put(p + "block_count", GgufValue.uint32(2))
        .put(p + "feed_forward_length", GgufValue.uint32(hidden))
        .put(p + "attention.head_count", GgufValue.uint32(4))
        .put(p + "attention.layer_norm_epsilon", GgufValue.float32((float) eps));
  }

  /** Copies tensors under other names; [in, out] maps are turned if asked for. */
  private static void copy(TensorFile from, GgufWriter to, List<Name> names, boolean turned) {
    int copied = 0;
    for (Name n : names) {
      for (String part : List.of("weight", "bias")) {
        String source = n.folder + "." + part;
        if (from.contains(source)) {
          boolean map = turned && from.spec(source).shape().rank() == 2 && n.gguf.contains("blk.");
          TensorSpec spec = map ? turned(from.spec(source)) : from.spec(source);
          MemorySegment values = from.storage(source).segment();
          to.tensor(n.gguf + "." + part, spec, map ? turned(values, spec) : values);
          copied++;
        }
      }
    }
    assertTrue(copied >= names.size(), "every name is one of the folder's");
  }

  private static TensorSpec turned(TensorSpec spec) {
    Shape s = spec.shape();
    return TensorSpec.of((ScalarType) spec.dtype(), s.dim(1), s.dim(0));
  }

  // values: F16 [in, out]; spec: [out, in]
  private static MemorySegment turned(MemorySegment values, TensorSpec spec) {
    assertEquals(ScalarType.F16, spec.dtype());
    int out = Math.toIntExact(spec.shape().dim(0));
    int in = Math.toIntExact(spec.shape().dim(1));
    MemorySegment turned = MemorySegment.ofArray(new short[out * in]);
    for (int o = 0; o < out; o++) {
      for (int i = 0; i < in; i++) {
        short half = values.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, (long) i * out + o);
        turned.setAtIndex(ValueLayout.JAVA_SHORT, (long) o * in + i, half);
      }
    }
    return turned;
  }

  private interface Run {
    float[] of(Engine engine, Family model);
  }

  private static float[] run(Path path, Run run) {
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        Checkpoint c = Checkpoint.open(path);
        Weights w = new Weights(engine, c);
        TensorScope _ = TensorScope.open()) {
      return run.of(engine, Families.load(w));
    }
  }

  @Test
  void gpt2GivesTheFoldersLogits() {
    Path file = temp.resolve("gpt2.gguf");
    try (TensorFile from = SafetensorsFolder.open(Golden.of("gpt2/hf"))) {
      String root = from.contains("wte.weight") ? "" : "transformer.";
      GgufWriter to = header("gpt2", 1e-5, 128);
      copy(
          from,
          to,
          List.of(
              new Name("token_embd", root + "wte"),
              new Name("position_embd", root + "wpe"),
              new Name("output_norm", root + "ln_f")),
          false);
      for (int i = 0; i < 2; i++) {
        String g = "blk." + i + ".";
        String f = root + "h." + i + ".";
        List<Name> names =
            List.of(
                new Name(g + "attn_norm", f + "ln_1"),
                new Name(g + "attn_qkv", f + "attn.c_attn"),
                new Name(g + "attn_output", f + "attn.c_proj"),
                new Name(g + "ffn_norm", f + "ln_2"),
                new Name(g + "ffn_up", f + "mlp.c_fc"),
                new Name(g + "ffn_down", f + "mlp.c_proj"));
        copy(from, to, names, true);
      }
      to.write(file);
    }
    int[] tokens = Golden.ints(Golden.json(Golden.of("gpt2/tokens.json")));
    Run logits =
        (engine, family) -> {
          var model = (Decoder) family;
          assertEquals("gpt2", model.family());
          var x = engine.tensor(tokens, 1, tokens.length);
          return model.logits(model.forward(x, AttentionContext.whole(x), List.of())).toFloats();
        };
    assertArrayEquals(run(Golden.of("gpt2/hf"), logits), run(file, logits));
    float[] golden = Golden.npy(Golden.of("gpt2/gpt2.logits.npy"));
    assertTrue(Golden.maxError(run(file, logits), golden) <= 1e-4);
  }

  @Test
  void bertGivesTheFoldersHiddenStates() throws IOException {
    Path file = temp.resolve("bert.gguf");
    try (TensorFile from = SafetensorsFolder.open(Golden.of("bert/hf"))) {
      String root = from.contains("embeddings.word_embeddings.weight") ? "" : "bert.";
      GgufWriter to = header("bert", 1e-12, 64).put("bert.attention.causal", GgufValue.of(false));
      String e = root + "embeddings.";
      copy(
          from,
          to,
          List.of(
              new Name("token_embd", e + "word_embeddings"),
              new Name("token_types", e + "token_type_embeddings"),
              new Name("position_embd", e + "position_embeddings"),
              new Name("token_embd_norm", e + "LayerNorm")),
          false);
      for (int i = 0; i < 2; i++) {
        String g = "blk." + i + ".";
        String f = root + "encoder.layer." + i + ".";
        List<Name> names =
            List.of(
                new Name(g + "attn_q", f + "attention.self.query"),
                new Name(g + "attn_k", f + "attention.self.key"),
                new Name(g + "attn_v", f + "attention.self.value"),
                new Name(g + "attn_output", f + "attention.output.dense"),
                new Name(g + "attn_output_norm", f + "attention.output.LayerNorm"),
                new Name(g + "ffn_up", f + "intermediate.dense"),
                new Name(g + "ffn_down", f + "output.dense"),
                new Name(g + "layer_output_norm", f + "output.LayerNorm"));
        copy(from, to, names, false);
      }
      to.write(file);
    }
    int[] tokens = Golden.ints(Golden.json(Golden.of("bert/tokens.json")));
    Run hidden =
        (engine, family) -> {
          var model = (Encoder) family;
          assertEquals("bert", model.family());
          return model.forward(engine.tensor(tokens, 1, tokens.length), null, null).toFloats();
        };
    float[] exactGelu = run(Golden.of("bert/hf"), hidden);
    float[] fromGguf = run(file, hidden);
    assertArrayEquals(run(tanhGelu(), hidden), fromGguf);
    assertFalse(Arrays.equals(exactGelu, fromGguf), "a GGUF BERT has the tanh GELU");
    assertTrue(Golden.maxError(fromGguf, exactGelu) < 1e-2);
  }

  /** The golden BERT folder with the GELU that GGUF implies. */
  private Path tanhGelu() throws IOException {
    Path target = Files.createDirectory(temp.resolve("hf"));
    try (var files = Files.list(Golden.of("bert/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, target.resolve(f.getFileName().toString()));
      }
    }
    Path config = target.resolve("config.json");
    String json = Files.readString(config);
    assertTrue(json.contains("\"gelu\""));
    Files.writeString(config, json.replace("\"gelu\"", "\"gelu_new\""));
    return target;
  }
}
