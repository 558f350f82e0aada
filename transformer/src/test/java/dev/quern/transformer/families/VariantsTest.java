package dev.quern.transformer.families;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.safetensors.SafetensorsFolder;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Settings that would change the result are obeyed or refused, never passed over. */
class VariantsTest {
  @TempDir Path temp;

  /** A golden folder whose config.json begins with another setting. */
  private Path folder(String family, String setting) throws IOException {
    Path target = Files.createTempDirectory(temp, family);
    try (var files = Files.list(Golden.of(family + "/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, target.resolve(f.getFileName().toString()));
      }
    }
    Path config = target.resolve("config.json");
    String json = Files.readString(config);
    assertEquals('{', json.charAt(0));
    Files.writeString(config, "{" + setting + "," + json.substring(1));
    return target;
  }

  private static void load(Path path) {
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        Checkpoint c = Checkpoint.open(path);
        Weights w = new Weights(engine, c)) {
      assertEquals(
          2, Families.load(w).parameters().keySet().stream().filter(VariantsTest::q).count());
    }
  }

  private static boolean q(String name) {
    return name.endsWith(".query.weight");
  }

  static Stream<Arguments> variants() {
    return Stream.of(
        Arguments.of("gpt2", "scale_attn_weights", "false", "true"),
        Arguments.of("gpt2", "scale_attn_by_inverse_layer_idx", "true", "false"),
        Arguments.of("gpt2", "reorder_and_upcast_attn", "true", "false"),
        Arguments.of("gpt2", "quantization_config", "{\"bits\":4}", "null"),
        Arguments.of("llama", "partial_rotary_factor", "0.5", "1.0"),
        Arguments.of("llama", "rope_scaling", "{\"partial_rotary_factor\":0.5}", "null"),
        Arguments.of("bert", "is_decoder", "true", "false"));
  }

  @ParameterizedTest
  @MethodSource("variants")
  void whatIsNotSupportedIsRefused(String family, String key, String bad, String harmless)
      throws IOException {
    load(folder(family, '"' + key + "\":" + harmless));
    Path path = folder(family, '"' + key + "\":" + bad);
    var e = assertThrows(NotSupportedException.class, () -> load(path));
    assertTrue(e.getMessage().contains(path.toString()), e.getMessage());
    String named = bad.contains("partial") ? "'partial_rotary_factor'" : "'" + key + "'";
    assertTrue(e.getMessage().contains(named), e.getMessage());
  }

  @Test
  void relativePositionsAreRefused() throws IOException {
    Path path = folder("bert", "\"x\":1");
    Path config = path.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("\"absolute\"", "\"relative_key\""));
    var e = assertThrows(NotSupportedException.class, () -> load(path));
    assertTrue(e.getMessage().contains("\"relative_key\""), e.getMessage());
  }

  @Test
  void anUntiedHeadUsesItsOwnProjection() throws IOException {
    Path missing = folder("bert", "\"tie_word_embeddings\":false");
    var e = assertThrows(FormatException.class, () -> load(missing));
    assertTrue(e.getMessage().contains("'cls.predictions.decoder.weight' is missing"));

    Path path = folder("bert", "\"tie_word_embeddings\":false");
    Path single = path.resolve(SafetensorsFolder.SINGLE);
    try (TensorFile from = SafetensorsFolder.open(Golden.of("bert/hf"))) {
      SafetensorsWriter to = new SafetensorsWriter();
      for (String name : from.names()) {
        to.tensor(name, from.spec(name), from.storage(name).segment());
      }
      String embedding =
          from.names().stream().filter(n -> n.endsWith("word_embeddings.weight")).findFirst().get();
      byte[] doubled = from.storage(embedding).segment().toArray(ValueLayout.JAVA_BYTE);
      MemorySegment halves = MemorySegment.ofArray(doubled);
      for (long at = 0; at < doubled.length; at += Short.BYTES) {
        short half = halves.get(ValueLayout.JAVA_SHORT_UNALIGNED, at);
        float twice = 2 * Float.float16ToFloat(half);
        halves.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16(twice));
      }
      to.tensor("cls.predictions.decoder.weight", from.spec(embedding), halves);
      Files.delete(single);
      to.write(single);
    }
    // With W for twice the embedding E, W x + b = 2 (E x + b) − b.
    float[] untied = logits(path);
    float[] tied = logits(Golden.of("bert/hf"));
    float[] bias = bias();
    for (int i = 0; i < tied.length; i++) {
      untied[i] = (untied[i] + bias[i % bias.length]) / 2;
    }
    assertTrue(Golden.maxError(untied, tied) < 1e-5, "" + Golden.maxError(untied, tied));
  }

  private static float[] bias() {
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        Checkpoint c = Checkpoint.open(Golden.of("bert/hf"));
        Weights w = new Weights(engine, c)) {
      return w.f32("cls.predictions.bias", 160).toFloats();
    }
  }

  private static float[] logits(Path path) {
    try (Engine engine = Engines.of("reference", Precision.EXACT);
        Checkpoint c = Checkpoint.open(path);
        Weights w = new Weights(engine, c);
        TensorScope _ = TensorScope.open()) {
      Encoder model = (Encoder) Families.load(w);
      var tokens = engine.tensor(new int[] {1, 2, 3, 4, 5}, 1, 5);
      return model.logits(model.forward(tokens, null, null)).toFloats();
    }
  }
}
