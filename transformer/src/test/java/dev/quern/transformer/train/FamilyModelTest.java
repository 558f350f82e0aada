package dev.quern.transformer.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.engine.Engine;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.Golden;
import dev.quern.transformer.model.Task;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders opened to be trained, and saved again. */
class FamilyModelTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  private Path copied(String golden) throws IOException {
    Path to = Files.createDirectory(folder.resolve("base"));
    try (Stream<Path> files = Files.list(Golden.of(golden))) {
      for (Path p : files.toList()) {
        Files.copy(p, to.resolve(p.getFileName().toString()));
      }
    }
    return to;
  }

  private JsonNode saved(Engine engine, Path base, String trained) throws IOException {
    Path to = Files.createTempDirectory(folder, "saved");
    try (FamilyModel model = FamilyModel.open(engine, base, n -> n.matches(trained))) {
      model.save(to);
    }
    return JSON.readTree(to.resolve("config.json").toFile());
  }

  /** An encoder as {@code BertModel} saves it: no prefix, no head, with or without a pooler. */
  private Path plainEncoder(Engine engine, boolean pooler) throws IOException {
    Path base = copied("bert/hf");
    Path weights = base.resolve("model.safetensors");
    SafetensorsWriter writer = new SafetensorsWriter();
    byte[] square = new byte[32 * 32 * 4];
    try (SafetensorsFile file = SafetensorsFile.open(Golden.of("bert/hf/model.safetensors"))) {
      for (String name : file.names()) {
        if (name.startsWith("bert.")) {
          TensorSpec spec = file.spec(name);
          writer.tensor(name.substring(5), spec, file.storage(name).segment());
        }
      }
      if (pooler) {
        Arrays.fill(square, (byte) 1);
        writer.tensor(
            "pooler.dense.weight",
            TensorSpec.of(ScalarType.F32, 32, 32),
            MemorySegment.ofArray(square));
        writer.tensor(
            "pooler.dense.bias",
            TensorSpec.of(ScalarType.F32, 32),
            MemorySegment.ofArray(new byte[32 * 4]));
      }
      writer.write(weights);
    }
    return base;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anEncoderGetsAClassifierAndKeepsItsWeights(boolean pooler) throws IOException {
    try (Engine engine = Engine.create()) {
      Path base = plainEncoder(engine, pooler);
      List<Path> made = new ArrayList<>();
      for (long seed : new long[] {1, 1, 2}) {
        Path to = Files.createTempDirectory(folder, "classifier");
        try (FamilyModel model = FamilyModel.open(engine, base, _ -> false)) {
          assertEquals(Task.TEXT_EMBEDDING, model.task());
          List<String> names = model.saveAsClassifier(to, List.of("a", "b", "c"), seed);
          assertEquals(pooler ? 2 : 4, names.size(), names.toString());
        }
        made.add(to.resolve("model.safetensors"));
      }
      assertArrayEquals(Files.readAllBytes(made.get(0)), Files.readAllBytes(made.get(1)));
      assertFalse(Arrays.equals(Files.readAllBytes(made.get(0)), Files.readAllBytes(made.get(2))));
      Path to = made.getFirst().getParent();
      try (FamilyModel model = FamilyModel.open(engine, to, _ -> true);
          SafetensorsFile before = SafetensorsFile.open(base.resolve("model.safetensors"));
          SafetensorsFile after = SafetensorsFile.open(made.getFirst())) {
        assertEquals(Task.TEXT_CLASSIFICATION, model.task());
        assertEquals(List.of("a", "b", "c"), model.labels());
        for (String name : before.names()) {
          assertEquals(before.spec(name), after.spec("bert." + name));
          assertEquals(
              -1, before.storage(name).segment().mismatch(after.storage("bert." + name).segment()));
        }
        float[] head = model.parameters().get("classifier.weight").value().toFloats();
        double square = 0;
        for (float f : head) {
          square += (double) f * f;
        }
        assertEquals(0.02, Math.sqrt(square / head.length), 0.006);
        assertArrayEquals(
            new float[3], model.parameters().get("classifier.bias").value().toFloats());
      }
      assertTrue(Files.exists(to.resolve("tokenizer.json")));
    }
  }

  @Test
  void theSettingsNameTheTypeThatTheWeightsHave() throws IOException {
    Path base = copied("llama/hf");
    Path config = base.resolve("config.json");
    ObjectNode settings = (ObjectNode) JSON.readTree(config.toFile());
    settings.put("torch_dtype", "bfloat16").put("dtype", "bfloat16");
    Files.writeString(config, settings.toString());
    try (Engine engine = Engine.create()) {
      assertEquals("float32", saved(engine, base, ".*").path("torch_dtype").asText());
      // Part of them is in F32 now, which bfloat16 would round.
      JsonNode part = saved(engine, base, "model.norm.weight");
      assertEquals("float32", part.path("torch_dtype").asText());
      assertEquals("float32", part.path("dtype").asText());
      Path to = Files.createDirectory(folder.resolve("same"));
      try (FamilyModel model = FamilyModel.open(engine, base, _ -> false)) {
        model.save(to);
      }
      assertArrayEquals(Files.readAllBytes(config), Files.readAllBytes(to.resolve("config.json")));
    }
  }
}
