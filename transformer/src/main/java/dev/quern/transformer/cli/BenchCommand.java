package dev.quern.transformer.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.quern.core.engine.Engine;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.type.Device;
import dev.quern.transformer.decode.SamplingOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ModelOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code quern bench}: tokens per second of prefill and decode, each after untimed runs of at least
 * 1.5 seconds, on random tokens of a fixed seed; and the limits of this machine.
 */
@Command(
    name = "bench",
    description = "Measures prefill and decode in tokens per second, and this machine's limits.",
    modelTransformer = BenchCommand.ModelIsOptional.class)
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

  @Option(
      names = "--ceilings",
      description =
          "Measure first, in some seconds, what this machine can do at most, with one thread and"
              + " with all, and say what share of it each test reaches. Without -m, only that.")
  private boolean ceilings;

  @Option(names = "--json", description = "Print one JSON object per test and line.")
  private boolean json;

  @Option(names = "--explain", description = "Print the kernels of a decode step first, on stderr.")
  private boolean explain;

  @Option(
      names = "--profile",
      description = "Run each test once more and print where a token's time goes, on stderr.")
  private boolean profile;

  private @Nullable CeilingTable limits;

  /** The one command that has something to do without a model. */
  static final class ModelIsOptional implements CommandLine.IModelTransformer {
    @Override
    public CommandSpec transform(CommandSpec command) {
      OptionSpec model = command.findOption("--model");
      command.remove(model);
      return command.addOption(OptionSpec.builder(model).required(false).build());
    }
  }

  @Override
  public Integer call() throws JsonProcessingException {
    if (prompt < 0 || generate < 0 || depth < 0 || repetitions < 1 || prompt + generate == 0) {
      throw new ParameterException(
          spec.commandLine(),
          "-p, -n and -d must not be negative, -p or -n must be positive, and -r at least 1");
    }
    if (!model.isGiven()) {
      if (!ceilings) {
        throw new ParameterException(spec.commandLine(), "give a model, -m, or --ceilings");
      }
      try (Engine engine = Engine.create()) {
        measureCeilings(engine.kernels(), model.threads(), null);
      }
      return 0;
    }
    try (CausalLanguageModel open = model.openCausal(ModelOptions.DEFAULT.withoutTokenizer());
        Session session = open.openSession(1, capacity(open))) {
      boolean onHost = open.engine().device().equals(Device.CPU);
      if (ceilings && !onHost) {
        throw new ParameterException(
            spec.commandLine(), "--ceilings measures the processor; leave it or --device out");
      }
      if (ceilings) {
        measureCeilings(open.engine().kernels(), open.engine().pool().threads(), model.path());
      }
      PrintWriter out = spec.commandLine().getOut();
      BenchReport report = new BenchReport(open, session, depth, limits, out, json);
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
        report.print("prefill", prompt, 0, measure(session, prompt, run));
        profile(session, "prefill", prompt, run);
      }
      if (generate > 0) {
        int[] tokens = random(generate, vocabulary);
        Runnable run =
            onHost
                ? () -> steps(session, tokens)
                : () -> session.steps(new int[] {tokens[0]}, generate, SamplingOptions.GREEDY, 0);
        report.print("decode", 0, generate, measure(session, generate, run));
        profile(session, "decode", generate, run);
      }
    }
    return 0;
  }

  private void measureCeilings(KernelRegistry kernels, int threads, @Nullable Path file)
      throws JsonProcessingException {
    CeilingTable table = CeilingTable.measure(kernels, threads, file);
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      table.printJson(out);
    } else {
      table.print(out);
    }
    limits = table;
  }

  private int capacity(CausalLanguageModel open) {
    long tokens = depth + (long) Math.max(prompt, generate);
    int context = open.decoder().dimensions().contextLength();
    InputException.checkFits("-d and the larger of -p and -n are together", tokens, context);
    return (int) tokens;
  }

  private static void steps(Session session, int... tokens) {
    for (int t : tokens) {
      session.step(t, (sequence, logits) -> t); // what is decoded is given, nothing chosen
    }
  }

  private double[] measure(Session session, int tokens, Runnable run) {
    double[] tokensPerSecond = new double[repetitions];
    long begin = System.nanoTime();
    while (System.nanoTime() - begin < WARM_UP_NANOS || !session.isSettled()) {
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
      KernelProfile.of(again).print(spec.commandLine().getErr(), test, "token", tokens);
    }
  }

  private static int[] random(int count, int vocabulary) {
    SplittableRandom random = new SplittableRandom(SEED);
    return random.ints(count, 0, vocabulary).toArray();
  }
}
