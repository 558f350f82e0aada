package dev.quern.transformer.cli;

import dev.quern.transformer.data.Utf8;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.tokenizer.EncodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code quern perplexity}: exp of the mean negative log-likelihood of a text's tokens.
 *
 * <p>The text is cut into windows that don't overlap. In each, the second half is scored, so that
 * every scored token has at least half a window of context; a text shorter than one window is
 * scored whole. A beginning-of-sequence token, if the model adds one, takes the first place of each
 * window. (That is how llama.cpp's tool counts, so the numbers compare.)
 */
@Command(
    name = "perplexity",
    description = {
      "Prints the perplexity of a text.",
      "It is cut into windows of --context tokens that don't overlap; the second half of each is"
          + " scored."
    })
final class PerplexityCommand implements Callable<Integer> {
  private static final int WINDOW = 512;
  private static final int SHORTEST_WINDOW = 3;

  @Spec private CommandSpec spec;

  @Mixin private ModelMixin model;

  @Option(
      names = {"-f", "--file"},
      required = true,
      paramLabel = "FILE",
      description = "A UTF-8 text.")
  private Path file;

  @Option(
      names = {"-c", "--context"},
      paramLabel = "N",
      description = "Tokens in a window (default: 512, or the model's context if that is less).")
  private @Nullable Integer context;

  @Option(
      names = "--chunks",
      paramLabel = "N",
      description = "Only the first N windows (default: all).")
  private int chunks = Integer.MAX_VALUE;

  @Override
  public Integer call() throws IOException {
    if (context != null && context < SHORTEST_WINDOW) {
      throw new ParameterException(
          spec.commandLine(),
          "--context is " + context + "; a window has at least " + SHORTEST_WINDOW + " tokens");
    }
    if (chunks < 1) {
      throw new ParameterException(
          spec.commandLine(), "--chunks is " + chunks + "; it must be at least 1");
    }
    String text = Utf8.read(file);
    Perplexity perplexity = new Perplexity();
    try (CausalLanguageModel open = model.openCausal(ModelOptions.DEFAULT)) {
      Tokenizer tokenizer = open.tokenizer();
      int[] ids = tokenizer.encode(text, EncodeOptions.ADD_SPECIAL);
      int[] added = tokenizer.encode("", EncodeOptions.ADD_SPECIAL);
      boolean begins = added.length > 0 && ids.length > 0 && ids[0] == added[0];
      int window = window(open.decoder().dimensions().contextLength());
      if (ids.length < 2) {
        throw new InputException(
            file + ": the text has " + ids.length + " tokens; at least 2 are needed to score one");
      }
      try (Session session = open.openSession(1, Math.min(window, ids.length))) {
        if (ids.length < window) {
          perplexity.score(session, ids, 0);
        }
        int count = Math.min(chunks, ids.length / window);
        for (int w = 0; w < count; w++) {
          int[] part = Arrays.copyOfRange(ids, w * window, (w + 1) * window);
          part[0] = begins ? ids[0] : part[0];
          perplexity.score(session, part, window / 2);
          progress(perplexity, w + 1, count);
        }
      }
    }
    spec.commandLine().getOut().println(perplexity.report());
    return 0;
  }

  private int window(int longest) {
    if (context != null) {
      InputException.checkFits("--context asks for windows of", context, longest);
      return context;
    }
    if (longest < SHORTEST_WINDOW) {
      throw new InputException(
          "the model's context is "
              + longest
              + ", and a window has at least "
              + SHORTEST_WINDOW
              + " tokens; take another model");
    }
    return Math.min(WINDOW, longest);
  }

  private void progress(Perplexity perplexity, int done, int of) {
    if (Terminal.isInteractive()) {
      PrintWriter err = spec.commandLine().getErr();
      err.printf(Locale.ROOT, "\r%d of %d windows, %.4f so far", done, of, perplexity.value());
      err.print(done == of ? System.lineSeparator() : "");
      err.flush();
    }
  }
}
