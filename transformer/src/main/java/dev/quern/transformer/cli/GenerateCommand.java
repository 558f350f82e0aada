package dev.quern.transformer.cli;

import dev.quern.transformer.decode.GeneratedToken;
import dev.quern.transformer.decode.Generation;
import dev.quern.transformer.decode.GenerationOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.FieldException;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.model.TextGenerator;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code quern generate}: a prompt, continued.
 *
 * <p>Its options are {@link TextGenerator}'s parameters, with the defaults of that signature, which
 * takes them from the model's {@code generation_config.json}. One differs: without a sampling
 * option the temperature is 0, so that the same command prints the same text; and with one it is 1
 * where the model's own default is 0.
 */
@Command(
    name = "generate",
    description = {
      "Continues a text.",
      "The continuation alone goes to standard output, as it is made; timings go to standard"
          + " error. Without --temp, --top-k, --top-p and --min-p it is greedy: it takes the"
          + " likeliest token. With any of them it samples, and what is not given takes the"
          + " model's default (generation_config.json, as in the library)."
    },
    modelTransformer = ModelMixin.ModelHasDefault.class)
final class GenerateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelMixin model;

  @Option(
      names = {"-p", "--prompt"},
      required = true,
      paramLabel = "TEXT",
      description =
          "The text to continue. The spelling of a special token, such as </s>, means that token.")
  private String prompt;

  @Option(
      names = {"-n", "--tokens"},
      paramLabel = "N",
      description =
          "At most this many tokens (default: "
              + TextGenerator.DEFAULT_TOKENS
              + "), until the context is full.")
  private @Nullable Integer tokens;

  @Option(
      names = "--temp",
      paramLabel = "T",
      description =
          "Temperature; 0 is greedy (default: 0, or if another sampling option is set the model's"
              + " own, else 1).")
  private @Nullable Double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Keep the K likeliest tokens; 0 for all (default: the model's own, else 0).")
  private @Nullable Integer topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Keep the likeliest tokens up to probability P; 1 for all (default: the model's own,"
              + " else 1).")
  private @Nullable Double topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description =
          "Keep tokens at least P times as likely as the likeliest; 0 for all (default: 0).")
  private @Nullable Double minP;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Of the chance; the same seed gives the same text (default: 0).")
  private @Nullable Long seed;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "R",
      description =
          "Divides the logits of tokens that came before; 1 for none (default: the model's own,"
              + " else 1).")
  private @Nullable Double repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End before this text; may be given several times.")
  private List<String> stops = new ArrayList<>();

  @Option(
      names = "--no-parse-special",
      description = "Take the spelling of special tokens in the prompt as text like any other.")
  private boolean plainPrompt;

  @Option(names = "--ignore-end", description = "Go on after the model's end token.")
  private boolean ignoreEnd;

  @Override
  public Integer call() {
    long started = System.nanoTime();
    model.useDefault(Task.TEXT_GENERATION);
    try (CausalLanguageModel open = model.openCausal(ModelOptions.DEFAULT)) {
      int context = open.decoder().dimensions().contextLength();
      GenerationOptions options = options(TextGenerator.of(open), context);
      int[] ids = encode(open);
      InputException.checkFits("the prompt has", ids.length, context);
      int capacity = (int) Math.min(context, ids.length + (long) options.maxTokens());
      try (Session session = open.openSession(1, capacity)) {
        long loaded = System.nanoTime();
        stream(new Generation(session, open.tokenizer(), ids, options), started, loaded);
      }
    }
    return 0;
  }

  private int[] encode(CausalLanguageModel open) {
    try {
      return open.encodePrompt(prompt, !plainPrompt);
    } catch (FieldException e) {
      throw new InputException("--prompt: " + e.getMessage());
    }
  }

  private void stream(Generation generation, long started, long loaded) {
    PrintWriter out = spec.commandLine().getOut();
    long first = 0;
    int count = 0;
    while (generation.hasNext()) {
      GeneratedToken token = generation.next();
      if (count++ == 0) {
        first = System.nanoTime();
      }
      out.print(token.text());
      if (out.checkError()) { // flushes; the reader is gone
        break;
      }
    }
    long end = System.nanoTime();
    out.println();
    PrintWriter err = spec.commandLine().getErr();
    err.printf(
        Locale.ROOT,
        "load %.0f ms, prompt %d tokens in %.0f ms (%.1f tokens/s), %d tokens in %.0f ms (%.1f"
            + " tokens/s), ended by %s%n",
        (loaded - started) / 1e6,
        generation.promptTokens(),
        (first - loaded) / 1e6,
        generation.promptTokens() * 1e9 / Math.max(1, first - loaded),
        count,
        (end - first) / 1e6,
        Math.max(0, count - 1) * 1e9 / Math.max(1, end - first),
        String.valueOf(generation.finishReason()).toLowerCase(Locale.ROOT));
  }

  private GenerationOptions options(TextGenerator generator, int context) {
    Map<String, Object> given = new HashMap<>();
    put(given, "topK", topK);
    put(given, "topP", topP);
    put(given, "minP", minP);
    boolean sampled = !given.isEmpty();
    put(given, "temperature", temperature);
    if (temperature == null && (!sampled || isGreedy(generator))) {
      given.put("temperature", sampled ? 1.0 : 0.0);
    }
    put(given, "seed", seed);
    put(given, "repetitionPenalty", repetitionPenalty);
    if (tokens != null) {
      given.put("maxTokens", Math.min(tokens, context));
    }
    given.put("stop", stops);
    given.put("ignoreEnd", ignoreEnd);
    try {
      return generator.options(given);
    } catch (FieldException e) {
      throw new ParameterException(
          spec.commandLine(), option(e.field()) + ": " + e.getMessage(), e);
    }
  }

  /** The option that gives a parameter. */
  private static String option(String parameter) {
    return switch (parameter) {
      case "maxTokens" -> "--tokens";
      case "temperature" -> "--temp";
      default -> "--" + parameter.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    };
  }

  private static boolean isGreedy(TextGenerator generator) {
    return generator.options(Map.of()).sampling().temperature() == 0;
  }

  private static void put(Map<String, Object> given, String name, @Nullable Object value) {
    if (value != null) {
      given.put(name, value);
    }
  }
}
