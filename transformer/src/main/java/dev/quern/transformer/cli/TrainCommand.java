package dev.quern.transformer.cli;

import dev.quern.core.io.AtomicFolder;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.config.ConfigException;
import dev.quern.transformer.train.log.ProgressLine;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.run.RunResult;
import dev.quern.transformer.train.run.TrainingKeys;
import dev.quern.transformer.train.run.TrainingRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern train}: a run as a configuration has it. */
@Command(
    name = "train",
    description = {
      "Trains a model as a configuration says.",
      "The run's folder ('output') gets checkpoints, logs, a report, and the model, which all other"
          + " commands open: quern generate -m RUN/model. 'quern train --keys' explains every key."
    })
final class TrainCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "CONFIG",
      arity = "0..1",
      description = "A YAML file; with --resume, a run's folder will do.")
  private @Nullable Path file;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description = "Another value for a key, such as schedule.peak=3e-4; as often as needed.")
  private List<String> overrides = new ArrayList<>();

  @Option(names = "--resume", description = "Go on from the latest checkpoint, if there is one.")
  private boolean resume;

  @Option(names = "--template", description = "Print a configuration with every key and default.")
  private boolean template;

  @Option(names = "--keys", description = "Print a page of tables of every key.")
  private boolean keys;

  @Option(
      names = "--profile",
      paramLabel = "N",
      description = "Instead of training, print where the time of N steps goes.")
  private int profile;

  @Override
  public Integer call() throws IOException {
    if (template || keys) {
      PrintWriter out = spec.commandLine().getOut();
      out.print(template ? TrainingKeys.schema().template() : TrainingKeys.page());
      out.flush();
      return 0;
    }
    if (file == null) {
      throw new ParameterException(
          spec.commandLine(), "CONFIG is missing; quern train --template prints one to begin with");
    }
    if (profile > 0) {
      printProfile(file);
      return 0;
    }
    Config config = read(file, settings(file));
    try (TrainingListener progress = progress(config)) {
      TrainingRun run = new TrainingRun(config, progress);
      PrintWriter err = spec.commandLine().getErr();
      err.println(ending(run.run(resume, err::println)));
    }
    return 0;
  }

  /** How the run ended, and which model it left. */
  private static String ending(RunResult r) {
    String which =
        !r.best()
            ? "the last"
            : String.format(
                Locale.ROOT,
                "%s lowest validation loss, %.4f",
                r.step() == r.end().step() ? "the last, and the" : "the",
                r.metrics().getOrDefault("loss", Double.NaN));
    return "%s after step %d; %s holds the model of step %d (%s)"
        .formatted(r.end().reason(), r.end().step(), r.model(), r.step(), which);
  }

  private void printProfile(Path path) throws IOException {
    Path folder = Files.createTempDirectory("quern-profile");
    try {
      List<String> elsewhere = settings(path);
      elsewhere.add("output=" + folder);
      PrintWriter out = spec.commandLine().getOut();
      new TrainingRun(read(path, elsewhere), new TrainingListener() {})
          .rehearse(
              profile, steps -> KernelProfile.of(steps, 1).print(out, "training", "step", profile));
    } finally {
      AtomicFolder.delete(folder);
    }
  }

  /** The overrides; a run's folder is where it lies now, wherever it began. */
  private List<String> settings(Path path) {
    List<String> all = new ArrayList<>();
    if (Files.isDirectory(path)) {
      all.add("output=" + path);
    }
    all.addAll(overrides);
    return all;
  }

  private Config read(Path path, List<String> values) {
    Path yaml = Files.isDirectory(path) ? path.resolve("config.yaml") : path;
    try {
      return Config.read(yaml, TrainingKeys.schema(), values);
    } catch (ConfigException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private static TrainingListener progress(Config config) {
    return config.flag("log.progress")
        ? new ProgressLine(System.err, Terminal.isInteractive())
        : new TrainingListener() {};
  }
}
