package dev.quern.transformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.transformer.tokenizer.SpecialRole;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.Tokenizers;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class TokenizerTrainCommandTest {
  @TempDir Path folder;

  private String err = "";

  private int run(Object... args) {
    StringWriter written = new StringWriter();
    CommandLine command = QuernCommand.commandLine("tokenizer");
    command.setOut(new PrintWriter(written, true));
    command.setErr(new PrintWriter(written, true));
    int code =
        command.execute(
            Stream.concat(Stream.of("tokenizer"), Stream.of(args).map(Object::toString))
                .toArray(String[]::new));
    err = written.toString();
    return code;
  }

  @Test
  void trainsAndWrites() throws Exception {
    Path text = Files.writeString(folder.resolve("a.txt"), "the then there the then the");
    Path more = Files.writeString(folder.resolve("b.txt"), "the other");
    Path out = folder.resolve("tokenizer.json");
    assertEquals(
        0, run("train", text, more, "-n", 259, "-o", out, "--special", "<|endoftext|>"), () -> err);
    assertTrue(err.contains("259 tokens, 2 of them merged, from 36 characters"), err);
    Tokenizer tokenizer = Tokenizers.fromJson(out);
    assertEquals(259, tokenizer.vocabularySize());
    assertEquals("the other", tokenizer.decode(tokenizer.encode("the other")));
    int end = tokenizer.vocabulary().id("<|endoftext|>");
    assertEquals(end, Tokenizers.fromFolder(folder).vocabulary().id(SpecialRole.EOS));
    Path settings = folder.resolve("tokenizer_config.json");
    Files.writeString(settings, "{\"mine\":1}");
    assertEquals(0, run("train", text, "-n", 259, "-o", out, "--special", "<s>"), () -> err);
    assertEquals("{\"mine\":1}", Files.readString(settings));
    Path plain = Files.createDirectory(folder.resolve("plain"));
    assertEquals(0, run("train", text, "-n", 258, "-o", plain.resolve("tokenizer.json")));
    assertFalse(Files.exists(plain.resolve("tokenizer_config.json")));
  }

  @Test
  void saysWhenTheTextIsTooShort() throws Exception {
    Path text = Files.writeString(folder.resolve("a.txt"), "aa aa");
    Path out = folder.resolve("tokenizer.json");
    assertEquals(0, run("train", text, "-n", 1000, "-o", out));
    assertTrue(err.contains("give more text"), err);
  }

  @Test
  void mistakesHaveTheirExitCodes() throws Exception {
    Path text = Files.write(folder.resolve("a.txt"), new byte[] {'a', (byte) 0xFF});
    Path out = folder.resolve("tokenizer.json");
    assertEquals(2, run("train", text, "-n", 10, "-o", out));
    assertTrue(err.contains("too small"), err);
    assertEquals(1, run("train", text, "-n", 300, "-o", out));
    assertTrue(err.contains("not UTF-8 at byte 1"), err);
    assertFalse(Files.exists(out));
    assertEquals(1, run("train", folder.resolve("none.txt"), "-n", 300, "-o", out));
    assertTrue(err.contains("no such file"), err);
    assertEquals(2, run());
    assertEquals(2, run("train", text));
  }
}
