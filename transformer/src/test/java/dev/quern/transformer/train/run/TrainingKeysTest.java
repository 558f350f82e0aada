package dev.quern.transformer.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.config.ConfigKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The page of all keys and the configurations beside it are those of the schema. */
class TrainingKeysTest {
  private static final Path CONFIGS = Path.of("configs");

  @Test
  void thePageIsTheSchemas() throws IOException {
    assertEquals(
        TrainingKeys.page(),
        Files.readString(CONFIGS.resolve("KEYS.md")),
        "write it anew: bin/quern train --keys > transformer/configs/KEYS.md");
    for (ConfigKey key : TrainingKeys.schema().keys()) {
      assertTrue(TrainingKeys.page().contains("\n| `" + key.path() + "` |"), key.path());
    }
  }

  @Test
  void theConfigurationsAreRight() throws IOException {
    List<Path> files;
    try (Stream<Path> list = Files.list(CONFIGS)) {
      files = list.filter(p -> p.toString().endsWith(".yaml")).sorted().toList();
    }
    assertTrue(files.size() >= 3, files.toString());
    for (Path file : files) {
      Config c = Config.read(file, TrainingKeys.schema(), List.of());
      assertEquals("runs/" + c.text("name"), c.text("output"));
    }
  }
}
