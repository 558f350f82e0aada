package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.transformer.Golden;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Small tokenizers whose ids come from Hugging Face's library, made by make_vectors.py. */
class VectorsTest {
  static Path resource(String name) {
    URL url = VectorsTest.class.getResource(name);
    try {
      return Path.of(Objects.requireNonNull(url, () -> "no resource " + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"byte-level", "sentence-piece", "word-piece", "suffixes", "metaspace"})
  void idsAndTextsAreThoseOfTheLibrary(String name) {
    Tokenizer tokenizer = Tokenizers.fromJson(resource(name + ".json"));
    JsonNode cases = Golden.json(resource(name + ".cases.json"));
    assertTrue(cases.size() >= 30);
    for (JsonNode row : cases) {
      String text = row.get(0).textValue();
      int[] plain = Golden.ints(row.get(1));
      assertArrayEquals(plain, tokenizer.encode(text), text);
      assertArrayEquals(
          Golden.ints(row.get(2)), tokenizer.encode(text, EncodeOptions.SPECIAL), text);
      assertEquals(row.get(3).textValue(), tokenizer.decode(plain), text);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"byte-level", "sentence-piece", "word-piece", "suffixes", "metaspace"})
  void piecesOfAStreamMakeTheWhole(String name) {
    Tokenizer tokenizer = Tokenizers.fromJson(resource(name + ".json"));
    RandomText texts = new RandomText(3);
    Random random = new Random(4);
    for (int i = 0; i < 400; i++) {
      int[] ids = tokenizer.encode(texts.next());
      for (DecodeOptions options :
          new DecodeOptions[] {
            DecodeOptions.TEXT, DecodeOptions.CONTINUATION, new DecodeOptions(true, false)
          }) {
        assertStreams(tokenizer, ids, options);
      }
      int[] noise = random.ints(20, 0, tokenizer.vocabularySize()).toArray();
      assertStreams(tokenizer, noise, DecodeOptions.TEXT);
    }
  }

  private static void assertStreams(Tokenizer tokenizer, int[] ids, DecodeOptions options) {
    byte[] bytes = tokenizer.decodeBytes(ids, options);
    String whole = new String(bytes, StandardCharsets.UTF_8);
    StreamingDecoder decoder = tokenizer.streamingDecoder(options);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      String part = decoder.push(id);
      assertTrue(part.codePoints().noneMatch(c -> c >= 0xD800 && c <= 0xDFFF), "half a character");
      text.append(part);
    }
    text.append(decoder.flush());
    assertEquals(whole, text.toString());
    assertEquals(whole, tokenizer.decode(ids, options));
  }

  @Test
  void validTextNeverShowsAReplacementCharacter() {
    Tokenizer tokenizer = Tokenizers.fromJson(resource("sentence-piece.json"));
    String text = "caf\u00E9 \uD83D\uDE00 \u4F60\u597D \uD83D\uDC68\u200D\uD83D\uDC69";
    StreamingDecoder decoder = tokenizer.streamingDecoder(DecodeOptions.TEXT);
    StringBuilder shown = new StringBuilder();
    for (int id : tokenizer.encode(text)) {
      String part = decoder.push(id);
      assertEquals(-1, part.indexOf('\uFFFD'));
      shown.append(part);
    }
    assertEquals(text, shown.append(decoder.flush()).toString());
  }

  @Test
  void rolesAndTypesAreKnown() {
    Vocabulary vocabulary = Tokenizers.fromJson(resource("sentence-piece.json")).vocabulary();
    assertEquals(TokenType.UNKNOWN, vocabulary.type(vocabulary.id("<unk>")));
    assertEquals(TokenType.CONTROL, vocabulary.type(vocabulary.id("<s>")));
    assertEquals(TokenType.BYTE, vocabulary.type(vocabulary.id("<0x41>")));
    assertEquals(TokenType.USER_DEFINED, vocabulary.type(vocabulary.id("<tool>")));
    assertEquals(vocabulary.id("<unk>"), vocabulary.id(SpecialRole.UNK));
    assertTrue(vocabulary.isControl(vocabulary.id("<mask>")));
    assertTrue(vocabulary.isEndOfGeneration(vocabulary.id("</s>")));
    assertEquals(Vocabulary.NONE, vocabulary.id("no such token"));
  }
}
