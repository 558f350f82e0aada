package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.quern.transformer.Golden;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CharacterVocabularyTest {
  @TempDir Path folder;

  private Tokenizer written(String text) {
    Path file = folder.resolve("tokenizer.json");
    CharacterVocabulary.of(text).write(file);
    return Tokenizers.fromJson(file);
  }

  @Test
  void eachCharacterIsAToken() {
    assertEquals(
        List.of("\n", " ", "a", "b", "é", "🙂"),
        CharacterVocabulary.of("b a🙂\nébab").characters());
    Tokenizer tokenizer = written("b a🙂\nébab");
    assertArrayEquals(new int[] {3, 1, 2, 5, 0, 4, 3}, tokenizer.encode("b a🙂\néb"));
    assertArrayEquals(new int[] {2, 3}, tokenizer.encode("aXb"));
    assertEquals("b a🙂\néb", tokenizer.decode(3, 1, 2, 5, 0, 4, 3));
    assertThrows(TokenizerTrainingException.class, () -> CharacterVocabulary.of(""));
  }

  @Test
  void shakespeareHasSixtyFive() throws Exception {
    String text = Files.readString(Golden.outside("text/tinyshakespeare.txt"));
    Tokenizer tokenizer = written(text);
    assertEquals(65, tokenizer.vocabularySize());
    int[] ids = tokenizer.encode(text);
    assertEquals(text.length(), ids.length);
    assertEquals(text, tokenizer.decode(ids));
  }
}
