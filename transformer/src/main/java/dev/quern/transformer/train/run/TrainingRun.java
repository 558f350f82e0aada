package dev.quern.transformer.train.run;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.AtomicFolder;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.Tokenizers;
import dev.quern.transformer.train.Evaluation;
import dev.quern.transformer.train.Evaluator;
import dev.quern.transformer.train.FamilyModel;
import dev.quern.transformer.train.RunCheckpoints;
import dev.quern.transformer.train.Trainer;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.log.CsvLog;
import dev.quern.transformer.train.log.HtmlReport;
import dev.quern.transformer.train.log.JsonLog;
import dev.quern.transformer.train.log.Listeners;
import dev.quern.transformer.train.log.RunEnd;
import dev.quern.transformer.train.log.TensorBoardLog;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.optimizer.Ema;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A training run as its configuration has it, in its folder. */
public final class TrainingRun {
  private static final String START = "start";
  private static final String CHECKPOINTS = "checkpoints";
  private static final String MODEL = "model";
  private static final String CONFIG = "config.yaml";

  private final Config config;
  private final RunParts parts;
  private final RunModel models;
  private final Path folder;
  private final TrainingListener listener;

  /**
   * A run that has not begun.
   *
   * @param config of {@link TrainingKeys#schema()}
   * @param listener is told of it, beside the logs that the configuration asks for; closing it is
   *     the caller's
   */
  public TrainingRun(Config config, TrainingListener listener) {
    this.config = config;
    this.folder = Path.of(config.text("output"));
    this.parts = new RunParts(config);
    this.models = new RunModel(config, folder.resolve(START));
    this.listener = listener;
  }

  /**
   * Trains to the end.
   *
   * @param resume whether to go on from the latest checkpoint, if there is one; else the folder
   *     must hold none
   * @param notices is told what a person should know: damaged checkpoints that are passed over,
   *     weights that are new in a model there was, texts that are cut
   * @return what it left
   * @throws TrainingException if the folder holds a run already, another process trains in it, or
   *     the run began with another configuration or other data
   */
  public RunResult run(boolean resume, Consumer<String> notices) {
    try {
      Files.createDirectories(folder);
      try (FileChannel channel =
              FileChannel.open(
                  folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock _ = lock(channel)) {
        return locked(resume, notices);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot train in " + folder + ": " + e.getMessage(), e);
    }
  }

  /** The lock ends with the process, however that ends. */
  private FileLock lock(FileChannel channel) throws IOException {
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    }
    if (lock == null) {
      throw new TrainingException(
          folder
              + ": another process trains in this folder; wait for it, or give another 'output'");
    }
    return lock;
  }

  private RunResult locked(boolean resume, Consumer<String> notices) {
    AtomicFolder.recover(folder, name -> name.equals(MODEL) || name.equals(START));
    RunCheckpoints checkpoints = new RunCheckpoints(folder.resolve(CHECKPOINTS));
    RunCheckpoints.Saved saved = checkpoints.latest(notices);
    if (saved != null && !resume) {
      throw new TrainingException(
          folder
              + " holds a run already, saved after step "
              + saved.state().step()
              + "; go on with --resume, or give another 'output'");
    }
    String identity = identity(saved);
    try (Engine engine = parts.engine();
        RunFiles files = new RunFiles(config)) {
      Tokenizer tokenizer =
          saved == null ? begin(engine, files, notices) : Tokenizers.fromFolder(models.start());
      RunData data = files.batches(tokenizer);
      data.notices().forEach(notices);
      FinalModel.check(config, data.validation() != null);
      FinalModel.Course course;
      Path from = saved == null ? models.start() : saved.folder();
      try (FamilyModel model = models.open(engine, from)) {
        Trained what = new Trained(engine, model, data, tokenizer);
        course = train(what, checkpoints, saved, identity);
      }
      return new FinalModel(config, models, checkpoints, folder.resolve(MODEL))
          .write(engine, course, notices);
    }
  }

  private Tokenizer begin(Engine engine, RunFiles files, Consumer<String> notices) {
    Tokenizer tokenizer = models.begin(engine, files, notices);
    write(folder.resolve(CONFIG), TrainingKeys.yaml(config));
    return tokenizer;
  }

  /**
   * Makes steps of the run without training it: nothing is saved but what a run begins with. For
   * measurements.
   *
   * @param steps how many each time
   * @param with is given what makes them, and calls it as often as it likes
   */
  public void rehearse(int steps, Consumer<Runnable> with) {
    try (Engine engine = parts.engine();
        RunFiles files = new RunFiles(config)) {
      Files.createDirectories(folder);
      RunData data = files.batches(begin(engine, files, _ -> {}));
      try (FamilyModel model = models.open(engine, models.start());
          ParameterUpdates updates = parts.updates(engine, model.parameters());
          Trainer trainer = trainer(engine, model, updates, data)) {
        with.accept(() -> trainer.makeSteps(steps));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write to " + folder + ": " + e.getMessage(), e);
    }
  }

  /**
   * Judges the trained model.
   *
   * @param split {@code validation} or {@code test}
   * @return what was collected, for metrics and their intervals
   * @throws TrainingException if the run left no model, or the split is empty
   */
  public Evaluation.Tally evaluate(String split) {
    Path trained = folder.resolve(MODEL);
    if (!Files.isDirectory(trained)) {
      throw new TrainingException(
          folder + " holds no trained model yet; let quern train come to its end");
    }
    try (Engine engine = parts.engine();
        RunFiles files = new RunFiles(config)) {
      Tokenizer tokenizer = Tokenizers.fromFolder(trained);
      RunData data = files.batches(tokenizer);
      Dataset<Batch> part = split.equals("test") ? data.test() : data.validation();
      if (part == null) {
        throw new TrainingException(
            "[data.split] leaves nothing for " + split + "; evaluate another part");
      }
      try (FamilyModel model = FamilyModel.open(engine, trained, _ -> false);
          Evaluator evaluator =
              new Evaluator(engine, model, RunParts.judgedLoss(), evaluation(tokenizer))) {
        return evaluator.judge(part, split);
      }
    }
  }

  private Evaluation evaluation(Tokenizer tokenizer) {
    return parts.evaluation(tokenizer, config.texts("objective.labels"));
  }

  private Trainer trainer(
      Engine engine, FamilyModel model, ParameterUpdates updates, RunData data) {
    return new Trainer(
        engine, model, parts.loss(), updates, parts.schedule(), data.train(), parts.options());
  }

  /** What is trained, by what, on what. */
  private record Trained(Engine engine, FamilyModel model, RunData data, Tokenizer tokenizer) {}

  private FinalModel.Course train(
      Trained what,
      RunCheckpoints checkpoints,
      RunCheckpoints.@Nullable Saved saved,
      String identity) {
    Engine engine = what.engine;
    FamilyModel model = what.model;
    RunData data = what.data;
    double decay = config.number("optimizer.average");
    try (TrainingListener logs = Listeners.of(logs());
        ParameterUpdates updates = parts.updates(engine, model.parameters());
        Ema ema = decay == 0 ? null : new Ema(engine, model.parameters(), decay, true);
        Trainer trainer = trainer(engine, model, updates, data)) {
      trainer.saveTo(checkpoints, identity);
      trainer.listen(
          Listeners.of(logs, listener),
          config.text("name"),
          TrainingKeys.yaml(config),
          models.describe());
      if (data.validation() != null) {
        trainer.evaluate(data.validation(), evaluation(what.tokenizer), RunParts.judgedLoss());
      }
      if (ema != null) {
        trainer.average(ema);
      }
      if (parts.scalesLoss()) {
        trainer.scaleLoss(parts.scale());
      }
      if (saved != null) {
        trainer.resume(saved);
      }
      long begin = System.nanoTime();
      RunEnd end = trainer.run();
      double seconds = (System.nanoTime() - begin) / 1e9;
      return new FinalModel.Course(
          end, trainer.bestStep(), trainer.bestLoss(), trainer.tokens(), seconds);
    }
  }

  /** The logs that the configuration asks for. */
  private List<TrainingListener> logs() {
    List<TrainingListener> all = new ArrayList<>();
    Path json = folder.resolve("log.jsonl");
    if (config.flag("log.report")) {
      all.add(
          HtmlReport.continuing(folder.resolve("report.html"), json)
              .withClasses(config.texts("objective.labels")));
    }
    if (config.flag("log.json")) {
      all.add(new JsonLog(json));
    }
    if (config.flag("log.csv")) {
      all.add(new CsvLog(folder));
    }
    if (config.flag("log.tensorboard")) {
      all.add(new TensorBoardLog(folder));
    }
    return all;
  }

  /** What the run is, in the words that it began with. */
  private String identity(RunCheckpoints.@Nullable Saved saved) {
    RunIdentity now = RunIdentity.of(config);
    if (saved == null) {
      return now.toJson();
    }
    String first = saved.state().run();
    now.requireSame(folder, first, config.texts("data.files"));
    write(folder.resolve(CONFIG), TrainingKeys.yaml(config)); // what may change has changed
    return first;
  }

  private static void write(Path file, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(bytes));
  }
}
