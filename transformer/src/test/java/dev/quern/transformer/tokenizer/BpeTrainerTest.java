package dev.quern.transformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.Golden;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The trainer against Hugging Face's {@code BpeTrainer}: expected merges and digests are those of
 * its Python library 0.23.2, with a {@code ByteLevel} pre-tokenizer without prefix space and its
 * alphabet as the initial one.
 */
class BpeTrainerTest {
  @TempDir Path folder;

  private static TrainedBpe train(String text, int size, long minFrequency, String... special) {
    BpeTrainer trainer =
        new BpeTrainer(new BpeTrainingOptions(size, minFrequency, List.of(special), null));
    trainer.add(text);
    return trainer.train();
  }

  private static String merges(TrainedBpe trained) {
    return trained.merges().stream()
        .map(m -> m.left() + " " + m.right())
        .collect(Collectors.joining("|"));
  }

  private static String digest(List<String> lines) throws Exception {
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    for (String line : lines) {
      sha256.update((line + "\n").getBytes(StandardCharsets.UTF_8));
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  @Test
  void mergesOfRepeatedLetters() {
    TrainedBpe trained =
        train("aaaa aaaa aaa abab ababab the then there hello hello yellow yell", 300, 2);
    assertEquals(
        "a a|a b|h e|l l|t he|Ġ the|ab ab|ll o|y e|Ġ aa|Ġ he|Ġ abab|Ġ ye|Ġhe llo", merges(trained));
    assertEquals(270, trained.tokens().size());
  }

  @Test
  void aSpecialTokenMayBeSpelledByAMerge() {
    TrainedBpe trained =
        train("low lower lowest newer newest wide wider widest low low", 280, 1, "<s>", "low");
    assertEquals(
        "l o|lo w|Ġ low|d e|i de|s t|w ide|Ġ wide|e r|e w|e st|n ew|Ġ new|Ġlow er|Ġlow est"
            + "|Ġwide r|Ġwide st|Ġnew er|Ġnew est",
        merges(trained));
    assertEquals(276, trained.tokens().size());
    assertEquals("low", trained.tokens().get(1));
  }

  @ParameterizedTest
  @CsvSource({
    "600, 1, 600, 344, 2dfa26eb21f7e96b4799647ffa3bc87d9b29c08fea3325f8826044093bb1452c",
    "400, 3, 345, 89, 75387b7ce6eabe944fa24d83b45bb0ea2c6468f8caefeb62a6e1faf4c5eef40b"
  })
  void mergesOfRandomLetters(int size, long least, int tokens, int merges, String digest)
      throws Exception {
    StringBuilder text = new StringBuilder();
    long x = 7;
    for (int i = 0; i < 3000; i++) {
      x = (x * 1103515245 + 12345) & 0x7FFFFFFF;
      text.append("aab bc".charAt((int) (x >> 16) % 6));
    }
    TrainedBpe trained = train(text.toString(), size, least);
    assertEquals(tokens, trained.tokens().size());
    assertEquals(merges, trained.merges().size());
    assertEquals(digest, digest(List.of(merges(trained).split("\\|"))));
  }

  @ParameterizedTest
  @CsvSource({
    "512, 50f4e01445c666b4439f2878bec7d8f81014f63dfad08a4f13ed05dd5d74533d,"
        + " e45ad341a10218aa5fdb636f89803c3ed17334605cde27df1809ecf37fced257",
    "1024, bd0a60e93012002590dfb26279f0853f4c48d4a4fca4f4bc1b95a6889d228719,"
        + " 203fa5f412bb3722c304de7b7e9a1ae1008a912323f72d84bb280061cbab4ac6",
    "4096, cb3ca7fbe5ee2038c0591391cce0839536e17d7e65be25c2c513559d57370c3e,"
        + " 266692b31c105bbb7556ae51e1bbdf0f3f52eb59007fe328d3be84b4f9aaad32"
  })
  void mergesOfShakespeare(int size, String merges, String tokens) throws Exception {
    String text = Files.readString(Golden.outside("text/tinyshakespeare.txt"));
    TrainedBpe trained = train(text, size, 2, "<|endoftext|>");
    assertEquals(size, trained.tokens().size());
    assertEquals(merges, digest(List.of(merges(trained).split("\\|"))));
    assertEquals(tokens, digest(trained.tokens()));
    Path file = folder.resolve("tokenizer.json");
    trained.write(file);
    Tokenizer tokenizer = Tokenizers.fromJson(file);
    int[] ids = tokenizer.encode(text);
    assertEquals(text, tokenizer.decode(ids));
    assertTrue(ids.length < text.length() / 1.5, ids.length + " tokens");
  }

  @Test
  void quernReadsWhatIsWritten() {
    TrainedBpe trained =
        train("the then there the then naïve naïve 東京 東京", 300, 2, "<|endoftext|>");
    Path file = folder.resolve("tokenizer.json");
    trained.write(file);
    Tokenizer tokenizer = Tokenizers.fromJson(file);
    assertEquals(trained.tokens().size(), tokenizer.vocabularySize());
    String text = "naïve then 東京, \u0000 🙂";
    assertEquals(text, tokenizer.decode(tokenizer.encode(text)));
    assertArrayEquals(new int[] {0}, tokenizer.encode("<|endoftext|>", EncodeOptions.SPECIAL));
    int then = trained.tokens().indexOf("Ġthen");
    assertTrue(then > 256, trained.tokens().toString());
    assertArrayEquals(new int[] {then, then}, tokenizer.encode(" then then"));
  }

  @Test
  void aPatternOfOnesOwnCuts() {
    BpeTrainer trainer = new BpeTrainer(new BpeTrainingOptions(300, 2, List.of(), "[a-z]|[^a-z]+"));
    trainer.add("abab 1212 abab 1212");
    TrainedBpe trained = trainer.train();
    assertEquals("1 2|Ġ 12|Ġ12 12", merges(trained));
    Path file = folder.resolve("tokenizer.json");
    trained.write(file);
    assertEquals(3, Tokenizers.fromJson(file).encode("ab 1212").length);
  }

  @Test
  void theOrderOfTextsDoesNotMatter() {
    String[] texts = {"one two three", "three two one zero", "zero zero", "a b c", ""};
    BpeTrainer forwards = new BpeTrainer(BpeTrainingOptions.ofSize(280));
    BpeTrainer backwards = new BpeTrainer(BpeTrainingOptions.ofSize(280));
    Arrays.stream(texts).forEach(forwards::add);
    Arrays.asList(texts).reversed().forEach(backwards::add);
    assertEquals(forwards.train(), backwards.train());
    assertEquals(forwards.train().toJson(), backwards.train().toJson());
  }

  @Test
  void whatCannotBeIsRefused() {
    refused("too small", () -> BpeTrainingOptions.ofSize(255));
    refused("too small", () -> BpeTrainingOptions.ofSize(256).withSpecialTokens("<s>"));
    refused("twice", () -> BpeTrainingOptions.ofSize(300).withSpecialTokens("<s>", "<s>"));
    refused("at least 1", () -> new BpeTrainingOptions(300, 0, List.of(), null));
    refused("pattern", () -> new BpeTrainingOptions(300, 1, List.of(), "(a"));
  }

  private static void refused(String part, org.junit.jupiter.api.function.Executable options) {
    TokenizerTrainingException e = assertThrows(TokenizerTrainingException.class, options);
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }
}
