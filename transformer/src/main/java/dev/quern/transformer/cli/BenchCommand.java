package dev.quern.transformer.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code quern bench}: tokens per second of prefill and decode, each after untimed runs of at least
 * 1.5 seconds, on random tokens of a fixed seed.
 */
@Command(name = "bench", description = "Measures prefill and decode in tokens per second.")
final class BenchCommand implements Callable<Integer> {
  private static final long SEED = 1234;
  private static final long WARM_UP_NANOS = 1_500_000_000;

  @Spec private CommandSpec spec;

  @Mixin private ModelMixin model;

  @Option(
      names = {"-p", "--prompt"},
      paramLabel = "N",
      description = "Tokens of the prefill test; 0 for none (default: ${DEFAULT-VALUE}).")
  private int prompt = 512;

  @Option(
      names = {"-n", "--generate"},
      paramLabel = "N",
      description = "Tokens of the decode test; 0 for none (default: ${DEFAULT-VALUE}).")
  private int generate = 64;

  @Option(
      names = {"-d", "--depth"},
      paramLabel = "N",
      description = "Tokens already in the cache (default: ${DEFAULT-VALUE}).")
  private int depth;

  @Option(
      names = {"-r", "--repetitions"},
      paramLabel = "N",
      description = "Timed runs of each test (default: ${DEFAULT-VALUE}).")
  private int repetitions = 3;

  @Option(names = "--json", description = "Print one JSON object per test and line.")
  private boolean json;

  @Option(names = "--explain", description = "Print the kernels of a decode step first, on stderr.")
  private boolean explain;

  @Option(
      names = "--profile",
      description = "Run each test once more and print where a token's time goes, on stderr.")
  private boolean profile;

  @Override
  public Integer call() throws JsonProcessingException {
    if (prompt < 0 || generate < 0 || depth < 0 || repetitions < 1 || prompt + generate == 0) {
      throw new ParameterException(
          spec.commandLine(),
          "-p, -n and -d must not be negative, -p or -n must be positive, and -r at least 1");
    }
    try (CausalLanguageModel open = model.openCausal(ModelOptions.DEFAULT.withoutTokenizer());
        Session session = open.openSession(1, capacity(open))) {
      int vocabulary = open.decoder().dimensions().vocabulary();
      if (explain) {
        spec.commandLine().getErr().println(session.plan().explain());
      }
      if (depth > 0) {
        session.prefill(0, random(depth, vocabulary));
      }
      if (prompt > 0) {
        int[] tokens = random(prompt, vocabulary);
        Runnable run = () -> session.prefill(0, tokens);
        report(open, session, "prefill", prompt, 0, measure(session, prompt, run));
        profile(session, "prefill", prompt, run);
      }
      if (generate > 0) {
        int[] tokens = random(generate, vocabulary);
        Runnable run = () -> steps(session, tokens);
        report(open, session, "decode", 0, generate, measure(session, generate, run));
        profile(session, "decode", generate, run);
      }
    }
    return 0;
  }

  private int capacity(CausalLanguageModel open) {
    long tokens = depth + (long) Math.max(prompt, generate);
    int context = open.decoder().dimensions().contextLength();
    InputException.checkFits("-d and the larger of -p and -n are together", tokens, context);
    return (int) tokens;
  }

  private static void steps(Session session, int... tokens) {
    for (int t : tokens) {
      session.step(t);
    }
  }

  private double[] measure(Session session, int tokens, Runnable run) {
    double[] tokensPerSecond = new double[repetitions];
    for (long begin = System.nanoTime(); System.nanoTime() - begin < WARM_UP_NANOS; ) {
      session.cache().truncate(0, depth);
      run.run();
    }
    for (int i = 0; i < repetitions; i++) {
      session.cache().truncate(0, depth);
      long start = System.nanoTime();
      run.run();
      tokensPerSecond[i] = tokens * 1e9 / (System.nanoTime() - start);
    }
    return tokensPerSecond;
  }

  private void profile(Session session, String test, int tokens, Runnable run) {
    if (profile) {
      Runnable again =
          () -> {
            session.cache().truncate(0, depth);
            run.run();
          };
      KernelProfile.of(again).print(spec.commandLine().getErr(), test, tokens);
    }
  }

  private static int[] random(int count, int vocabulary) {
    SplittableRandom random = new SplittableRandom(SEED);
    return random.ints(count, 0, vocabulary).toArray();
  }

  /** What the weights that most bytes are in were computed with. */
  private static String precision(CausalLanguageModel open) {
    Precision chosen = open.engine().precision();
    if (chosen == Precision.AUTO) {
      chosen = chosen.resolve(DType.of(open.checkpoint().mainType()));
    }
    return chosen.name().toLowerCase(Locale.ROOT);
  }

  private void report(
      CausalLanguageModel open,
      Session session,
      String test,
      int prompts,
      int generated,
      double[] samples)
      throws JsonProcessingException {
    double[] sorted = samples.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    double median = sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("test", test);
    row.put("n_prompt", prompts);
    row.put("n_gen", generated);
    row.put("depth", depth);
    row.put("threads", open.engine().pool().threads());
    row.put("samples_tokens_per_second", samples);
    row.put("median_tokens_per_second", median);
    row.put("model", String.valueOf(open.checkpoint().path().getFileName()));
    row.put("dtype", open.checkpoint().mainType());
    Set<String> providers = prompts > 0 ? session.prefillProviders() : session.plan().providers();
    row.put("kernels", String.join(",", providers));
    row.put("precision", precision(open));
    row.put("cache", session.cache().dtype().name());
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(new ObjectMapper().writeValueAsString(row));
    } else {
      out.printf(
          Locale.ROOT,
          "%-8s %5d tokens at depth %d: %.2f tokens/s (median of %d, %.2f to %.2f), %s, %d"
              + " threads%n",
          test,
          prompts + generated,
          depth,
          median,
          sorted.length,
          sorted[0],
          sorted[sorted.length - 1],
          row.get("dtype"),
          open.engine().pool().threads());
    }
    out.flush();
  }
}
