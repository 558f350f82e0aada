package dev.quern.transformer.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.engine.Engine;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
      assertArrayEquals(
          Files.readAllBytes(config), Files.readAllBytes(to.resolve("config.json")));
    }
  }
}
