package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.tokenizer.EncodeOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The options of opening. */
class ModelsTest {
  private static final Path LLAMA = Golden.of("llama/llama-F32.gguf");

  @Test
  void theOptionsReachTheEngineAndTheSessions() {
    ModelOptions options =
        ModelOptions.DEFAULT
            .withThreads(1)
            .withPrecision(Precision.EXACT)
            .withCache(ScalarType.F16);
    try (var model = Models.openCausal(LLAMA, options);
        var session = model.openSession(1, 4)) {
      assertEquals(1, model.engine().pool().threads());
      assertEquals(Precision.EXACT, model.engine().precision());
      assertEquals(ScalarType.F16, session.cache().layers().getFirst().keys().dtype());
      assertEquals(4, session.cache().capacity());
    }
  }

  @Test
  void theCacheSuitsTheWeightsUnlessItIsGiven() {
    assertEquals(ScalarType.F32, cache("llama/llama-F32.gguf", ModelOptions.DEFAULT));
    assertEquals(ScalarType.F16, cache("llama/llama-Q8_0.gguf", ModelOptions.DEFAULT));
    ModelOptions fast = ModelOptions.DEFAULT.withPrecision(Precision.FAST);
    assertEquals(ScalarType.F32, cache("llama/llama-F32.gguf", fast));
    ModelOptions exact = ModelOptions.DEFAULT.withPrecision(Precision.EXACT);
    assertEquals(ScalarType.F32, cache("llama/llama-Q8_0.gguf", exact));
    ModelOptions given = ModelOptions.DEFAULT.withCache(ScalarType.BF16);
    assertEquals(ScalarType.BF16, cache("llama/llama-Q8_0.gguf", given));
  }

  private static DType cache(String file, ModelOptions options) {
    try (var model = Models.openCausal(Golden.of(file), options);
        var session = model.openSession(SessionOptions.of(1, 4).withPrefill(2))) {
      return session.cache().dtype();
    }
  }

  @Test
  void aGivenEngineHasItsOwnThreadsAndPrecisionAndStaysOpen() {
    try (Engine engine = Engine.builder().threads(1).build()) {
      ModelOptions given = ModelOptions.of(engine);
      assertThrows(IllegalArgumentException.class, () -> given.withThreads(2));
      assertThrows(IllegalArgumentException.class, () -> given.withPrecision(Precision.FAST));
      Models.open(LLAMA, given).close();
      assertThrows(
          NotSupportedException.class, () -> Models.openCausal(Golden.of("bert/hf"), given));
      try (var again = Models.openCausal(LLAMA, given);
          var session = again.openSession(1, 4)) {
        assertEquals(again.decoder().dimensions().vocabulary(), session.step(1)[0].length);
      }
    }
  }

  @Test
  void anEncoderIsNoCausalLanguageModel() {
    var e =
        assertThrows(
            NotSupportedException.class,
            () -> Models.openCausal(Golden.of("bert/hf"), ModelOptions.DEFAULT));
    assertTrue(e.getMessage().contains("mask-filling"), e.getMessage());
  }

  @Test
  void withoutATokenizerTokenIdsAreEnough(@TempDir Path temp) throws IOException {
    for (String name : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(Golden.of("llama/hf").resolve(name), temp.resolve(name));
    }
    assertThrows(NotSupportedException.class, () -> Models.open(temp));
    try (var model = Models.openCausal(temp, ModelOptions.DEFAULT.withoutTokenizer());
        var session = model.openSession(1, 4)) {
      assertEquals(model.decoder().dimensions().vocabulary(), session.prefill(0, 1, 2).length);
      var e = assertThrows(NotSupportedException.class, model::tokenizer);
      assertTrue(e.getMessage().contains("withoutTokenizer()"), e.getMessage());
      assertThrows(NotSupportedException.class, () -> TextGenerator.of(model));
    }
  }

  @Test
  void aTokenizerAloneIsThatOfTheModel(@TempDir Path temp) {
    for (String name : new String[] {"llama/llama-F32.gguf", "llama/hf"}) {
      try (var model = Models.openCausal(Golden.of(name), ModelOptions.DEFAULT)) {
        assertArrayEquals(
            model.tokenizer().encode("The quern", EncodeOptions.SPECIAL),
            Models.openTokenizer(Golden.of(name)).encode("The quern", EncodeOptions.SPECIAL));
      }
    }
    var e =
        assertThrows(
            FormatException.class, () -> Models.openTokenizer(temp.resolve("absent.gguf")));
    assertTrue(e.getMessage().contains("no such file or folder"), e.getMessage());
  }
}
