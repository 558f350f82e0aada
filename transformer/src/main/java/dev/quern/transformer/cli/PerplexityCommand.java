package dev.quern.transformer.cli;

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
      "Prints the perplexity of a text: windows of --context tokens that don't overlap,",
      "the second half of each is scored."
    })
final class PerplexityCommand implements Callable<Integer> {
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
  private int context = 512;

  @Option(
      names = "--chunks",
      paramLabel = "N",
      description = "Only the first N windows (default: all).")
  private int chunks = Integer.MAX_VALUE;

  private double nll;
  private double nllSquared;
  private long scored;

  @Override
  public Integer call() throws IOException {
    String text = Utf8.read(file);
    try (CausalLanguageModel open = model.openCausal(ModelOptions.DEFAULT)) {
      Tokenizer tokenizer = open.tokenizer();
      int[] ids = tokenizer.encode(text, EncodeOptions.ADD_SPECIAL);
      int[] plain = tokenizer.encode(text, EncodeOptions.PLAIN);
      boolean begins = ids.length > 0 && (plain.length == 0 || ids[0] != plain[0]);
      int window = Math.min(context, open.decoder().dimensions().contextLength());
      if (window < 2 || ids.length < 2) {
        throw new ParameterException(
            spec.commandLine(), "a text and a window of at least 2 tokens are needed");
      }
      try (Session session = open.openSession(1, Math.min(window, ids.length))) {
        int vocabulary = open.decoder().dimensions().vocabulary();
        if (ids.length < window) {
          score(session, ids, 0, vocabulary);
        }
        int count = Math.min(chunks, ids.length / window);
        for (int w = 0; w < count; w++) {
          int[] part = Arrays.copyOfRange(ids, w * window, (w + 1) * window);
          part[0] = begins ? ids[0] : part[0];
          score(session, part, window / 2, vocabulary);
          progress(w + 1, count);
        }
      }
    }
    report();
    return 0;
  }

  private void score(Session session, int[] ids, int from, int vocabulary) {
    session.cache().truncate(0, 0);
    float[] logits = session.prefillAll(0, ids);
    for (int i = from; i < ids.length - 1; i++) {
      double loss = loss(logits, i * vocabulary, vocabulary, ids[i + 1]);
      nll += loss;
      nllSquared += loss * loss;
      scored++;
    }
  }

  /** −log softmax(logits)[target]. */
  private static double loss(float[] logits, int at, int vocabulary, int target) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < vocabulary; i++) {
      max = Math.max(max, logits[at + i]);
    }
    double sum = 0;
    for (int i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits[at + i] - max);
    }
    return max + Math.log(sum) - logits[at + target];
  }

  private void progress(int done, int of) {
    if (Terminal.isInteractive()) {
      PrintWriter err = spec.commandLine().getErr();
      err.printf(Locale.ROOT, "\r%d of %d windows, %.4f so far", done, of, Math.exp(nll / scored));
      err.print(done == of ? System.lineSeparator() : "");
      err.flush();
    }
  }

  private void report() {
    double mean = nll / scored;
    double variance = Math.max(0, nllSquared / scored - mean * mean);
    double error = Math.exp(mean) * Math.sqrt(variance / Math.max(1, scored - 1));
    spec.commandLine()
        .getOut()
        .printf(
            Locale.ROOT,
            "perplexity %.4f +/- %.4f over %d tokens%n",
            Math.exp(mean),
            error,
            scored);
  }
}
