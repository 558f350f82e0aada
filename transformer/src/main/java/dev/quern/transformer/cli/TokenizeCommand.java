package dev.quern.transformer.cli;

import dev.quern.transformer.data.Utf8;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.EncodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern tokenize}: text to ids. */
@Command(
    name = "tokenize",
    description = "Prints the token ids of a text on one line, separated by spaces.")
final class TokenizeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "MODEL",
      description = "A GGUF file (vocabulary alone will do) or a Hugging Face folder.")
  private Path model;

  @ArgGroup(multiplicity = "1")
  private Text text;

  /** Where the text comes from: one of the two. */
  private static final class Text {
    @Option(
        names = {"-f", "--file"},
        paramLabel = "F",
        description = "A UTF-8 file; all of it is the text.")
    private @Nullable Path file;

    @Parameters(paramLabel = "TEXT", arity = "0..1", description = "The text.")
    private @Nullable String literal;
  }

  @Option(
      names = "--special",
      description =
          "Add what the model adds (such as BOS), and read the spelling of special tokens as those"
              + " tokens. Without it neither happens.")
  private boolean special;

  @Override
  public Integer call() throws Exception {
    Tokenizer tokenizer = Models.openTokenizer(model);
    int[] ids = tokenizer.encode(text(), special ? EncodeOptions.SPECIAL : EncodeOptions.PLAIN);
    StringBuilder line = new StringBuilder();
    for (int id : ids) {
      line.append(line.isEmpty() ? "" : " ").append(id);
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println(line);
    return 0;
  }

  private String text() throws Exception {
    if (text.file == null) {
      return text.literal == null ? "" : text.literal;
    }
    return Utf8.read(text.file);
  }
}
