package dev.quern.transformer.cli;

import dev.quern.core.io.AtomicFile;
import dev.quern.transformer.data.Utf8;
import dev.quern.transformer.tokenizer.BpeTrainer;
import dev.quern.transformer.tokenizer.BpeTrainingOptions;
import dev.quern.transformer.tokenizer.TokenizerSettings;
import dev.quern.transformer.tokenizer.TokenizerTrainingException;
import dev.quern.transformer.tokenizer.TrainedBpe;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern tokenizer train}: a byte-level BPE vocabulary of one's own. */
@Command(
    name = "train",
    description = {
      "Learns a byte-level BPE vocabulary from texts.",
      "Writes the tokenizer.json that Hugging Face's tokenizers library reads too; with special"
          + " tokens also a tokenizer_config.json beside it, which names their roles, such as"
          + " <|endoftext|> for the end."
    })
final class TokenizerTrainCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "FILE", arity = "1..*", description = "UTF-8 texts.")
  private List<Path> files = new ArrayList<>();

  @Option(
      names = {"-n", "--vocab-size"},
      required = true,
      paramLabel = "N",
      description = "Tokens altogether: special ones, 256 bytes, and merged ones.")
  private int vocabularySize;

  @Option(
      names = {"-o", "--out"},
      paramLabel = "FILE",
      description = "The file to write (default: tokenizer.json).")
  private Path out = Path.of("tokenizer.json");

  @Option(
      names = "--min-frequency",
      paramLabel = "N",
      description = "Merge only what occurs N times (default: 2).")
  private long minFrequency = 2;

  @Option(
      names = "--special",
      paramLabel = "TOKEN",
      description =
          "A special token, such as \"<|endoftext|>\"; give the option again for the next. They get"
              + " the first ids.")
  private List<String> special = new ArrayList<>();

  @Option(
      names = "--pattern",
      paramLabel = "REGEX",
      description = "Cuts texts into pieces that no token crosses (default: GPT-2's).")
  private @Nullable String pattern;

  @Override
  public Integer call() throws IOException {
    BpeTrainer trainer = new BpeTrainer(options());
    long characters = 0;
    for (Path file : files) {
      String text = Utf8.read(file);
      characters += text.length();
      trainer.add(text);
    }
    TrainedBpe trained = trainer.train();
    trained.write(out);
    settings();
    spec.commandLine()
        .getErr()
        .printf(
            Locale.ROOT,
            "%s: %d tokens, %d of them merged, from %d characters%n",
            out,
            trained.tokens().size(),
            trained.merges().size(),
            characters);
    if (trained.tokens().size() < vocabularySize) {
      spec.commandLine()
          .getErr()
          .println(
              "No other pair occurs "
                  + minFrequency
                  + " times: give more text, or a lower --min-frequency");
    }
    return 0;
  }

  /** Says beside the vocabulary what its special tokens are for, unless that is said already. */
  private void settings() {
    Path file = out.resolveSibling("tokenizer_config.json");
    boolean readTogether = String.valueOf(out.getFileName()).equals("tokenizer.json");
    if (special.isEmpty() || !readTogether || Files.exists(file)) {
      return;
    }
    Path folder = Objects.requireNonNullElse(out.toAbsolutePath().getParent(), Path.of(""));
    byte[] json =
        TokenizerSettings.of(folder, Map.of(), 0, false).toJson().getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(json));
  }

  private BpeTrainingOptions options() {
    try {
      return new BpeTrainingOptions(vocabularySize, minFrequency, special, pattern);
    } catch (TokenizerTrainingException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }
}
