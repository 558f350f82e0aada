package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.Golden;
import dev.quern.transformer.families.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PoolingTest {
  @TempDir Path temp;

  private String ofGguf(int type) {
    Path file = temp.resolve("bert.gguf");
    new GgufWriter()
        .put("general.architecture", GgufValue.of("bert"))
        .put("bert.pooling_type", GgufValue.uint32(type))
        .write(file);
    try (Checkpoint c = Checkpoint.open(file)) {
      return Pooling.of(c);
    }
  }

  /** The golden folder with these pooling settings. */
  private Path folder(String settings) throws IOException {
    Path target = Files.createTempDirectory(temp, "hf");
    try (var files = Files.list(Golden.of("bert/hf"))) {
      for (Path f : files.toList()) {
        Files.copy(f, target.resolve(f.getFileName().toString()));
      }
    }
    Path file = Files.createDirectory(target.resolve("1_Pooling")).resolve("config.json");
    Files.writeString(file, "{\"word_embedding_dimension\":32," + settings + "}");
    return target;
  }

  private static Object defaultOf(Path path) {
    try (Model model = Models.open(path)) {
      return model.signature().parameters().stream()
          .filter(p -> p.name().equals("pooling"))
          .findFirst()
          .orElseThrow()
          .defaultValue();
    }
  }

  @ParameterizedTest
  @CsvSource({"0, mean", "1, mean", "2, cls"})
  void ggufTypes(int type, String expected) {
    assertEquals(expected, ofGguf(type));
  }

  @ParameterizedTest
  @CsvSource({"3, last", "4, rank", "9, unknown"})
  void otherGgufTypesAreRefused(int type, String name) {
    var e = assertThrows(NotSupportedException.class, () -> ofGguf(type));
    assertTrue(e.getMessage().contains("'bert.pooling_type' is " + type + " (" + name + ")"));
    assertTrue(e.getMessage().contains("bert.gguf"), e.getMessage());
  }

  @Test
  void foldersSayItThemselves() throws IOException {
    assertEquals("mean", defaultOf(Golden.of("bert/hf")));
    String others = ",\"pooling_mode_max_tokens\":false,\"pooling_mode_lasttoken\":false";
    assertEquals("mean", defaultOf(folder("\"pooling_mode_mean_tokens\":true" + others)));
    assertEquals("cls", defaultOf(folder("\"pooling_mode_cls_token\":true" + others)));
    assertEquals("cls", defaultOf(folder("\"pooling_mode\":\"cls\"")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"pooling_mode_max_tokens\":true",
        "\"pooling_mode_lasttoken\":true",
        "\"pooling_mode_weightedmean_tokens\":true",
        "\"pooling_mode_mean_sqrt_len_tokens\":true",
        "\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true",
        "\"pooling_mode\":\"lasttoken\"",
      })
  void otherModesOfFoldersAreRefused(String settings) throws IOException {
    Path path = folder(settings);
    var e = assertThrows(NotSupportedException.class, () -> Models.open(path));
    assertTrue(e.getMessage().contains(path.resolve("1_Pooling").toString()), e.getMessage());
    assertTrue(e.getMessage().contains("pooling_mode"), e.getMessage());
  }
}
