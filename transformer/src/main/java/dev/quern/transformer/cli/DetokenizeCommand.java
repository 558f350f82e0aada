package dev.quern.transformer.cli;

import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.DecodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern detokenize}: ids to text. */
@Command(name = "detokenize", description = "Prints the text of token ids.")
final class DetokenizeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "MODEL",
      description = "A GGUF file (vocabulary alone will do) or a Hugging Face folder.")
  private Path model;

  @Option(names = "--special", description = "Show special tokens; without it they are left out.")
  private boolean special;

  @Parameters(
      paramLabel = "ID",
      arity = "1..*",
      split = ",",
      description = "Token ids, separated by spaces or commas.")
  private List<String> ids = new ArrayList<>();

  @Override
  public Integer call() throws Exception {
    Tokenizer tokenizer = Models.openTokenizer(model);
    int[] tokens = new int[ids.size()];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = id(ids.get(i).trim(), tokenizer.vocabularySize());
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println(tokenizer.decode(tokens, new DecodeOptions(special, false)));
    return 0;
  }

  private int id(String text, int vocabularySize) {
    int id;
    try {
      id = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new ParameterException(
          spec.commandLine(), "'" + text + "' is no token id; give whole numbers", e);
    }
    InputException.checkToken(id, vocabularySize);
    return id;
  }
}
