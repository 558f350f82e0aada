package dev.quern.transformer.train.run;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFile;
import dev.quern.core.op.Buffer;
import dev.quern.core.type.Precision;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.families.ModelShape;
import dev.quern.transformer.families.NewModel;
import dev.quern.transformer.families.WeightInitializer;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.tokenizer.DecodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.Tokenizers;
import dev.quern.transformer.train.ClassificationEvaluation;
import dev.quern.transformer.train.Crc;
import dev.quern.transformer.train.Evaluation;
import dev.quern.transformer.train.Evaluator;
import dev.quern.transformer.train.FamilyModel;
import dev.quern.transformer.train.LanguageModelEvaluation;
import dev.quern.transformer.train.RunCheckpoints;
import dev.quern.transformer.train.TrainableModel;
import dev.quern.transformer.train.Trainer;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.TrainingOptions;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.log.CsvLog;
import dev.quern.transformer.train.log.HtmlReport;
import dev.quern.transformer.train.log.JsonLog;
import dev.quern.transformer.train.log.Listeners;
import dev.quern.transformer.train.log.RunEnd;
import dev.quern.transformer.train.log.TensorBoardLog;
import dev.quern.transformer.train.log.TrainingListener;
import dev.quern.transformer.train.loss.CrossEntropy;
import dev.quern.transformer.train.loss.Loss;
import dev.quern.transformer.train.loss.Reduction;
import dev.quern.transformer.train.optimizer.Ema;
import dev.quern.transformer.train.optimizer.GradientClipping;
import dev.quern.transformer.train.optimizer.LossScale;
import dev.quern.transformer.train.optimizer.Optimizers;
import dev.quern.transformer.train.optimizer.ParameterGroup;
import dev.quern.transformer.train.optimizer.ParameterUpdates;
import dev.quern.transformer.train.schedule.Schedule;
import dev.quern.transformer.train.schedule.Schedules;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/** A training run as its configuration has it, in its folder. */
public final class TrainingRun {
  private static final String START = "start";
  private static final String CHECKPOINTS = "checkpoints";
  private static final String MODEL = "model";
  private static final String CONFIG = "config.yaml";
  private static final Set<String> FREE = Set.of("name", "output", "threads");

  private final Config config;
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
    this.listener = listener;
  }

  /**
   * Trains to the end.
   *
   * @param resume whether to go on from the latest checkpoint, if there is one; else the folder
   *     must hold none
   * @param warnings is told of damaged checkpoints that are passed over
   * @return how it ended
   * @throws TrainingException if the folder holds a run already, another process trains in it, or
   *     the run began with another configuration or other data
   */
  public RunEnd run(boolean resume, Consumer<String> warnings) {
    try {
      Files.createDirectories(folder);
      try (FileChannel channel =
              FileChannel.open(
                  folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock _ = lock(channel)) {
        return locked(resume, warnings);
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

  private RunEnd locked(boolean resume, Consumer<String> warnings) {
    RunCheckpoints checkpoints = new RunCheckpoints(folder.resolve(CHECKPOINTS));
    RunCheckpoints.Saved saved = checkpoints.latest(warnings);
    if (saved != null && !resume) {
      throw new TrainingException(
          folder
              + " holds a run already, saved after step "
              + saved.state().step()
              + "; go on with --resume, or give another 'output'");
    }
    try (Engine engine = engine()) {
      Tokenizer tokenizer;
      try (RunFiles files = new RunFiles(config)) {
        tokenizer = saved == null ? begin(engine, files) : Tokenizers.fromFolder(start());
        RunData data = files.batches(tokenizer);
        try (FamilyModel model = model(engine, saved)) {
          return train(engine, model, data, tokenizer, checkpoints, saved);
        }
      }
    }
  }

  /**
   * Makes steps of the run without training it: nothing is saved but what a run begins with. For
   * measurements.
   *
   * @param steps how many each time
   * @param with is given what makes them, and calls it as often as it likes
   */
  public void rehearse(int steps, Consumer<Runnable> with) {
    try (Engine engine = engine();
        RunFiles files = new RunFiles(config)) {
      Files.createDirectories(folder);
      RunData data = files.batches(begin(engine, files));
      try (FamilyModel model = model(engine, null);
          ParameterUpdates updates = updates(engine, model.parameters());
          Trainer trainer =
              new Trainer(engine, model, loss(), updates, schedule(), data.train(), options())) {
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
    try (Engine engine = engine();
        RunFiles files = new RunFiles(config)) {
      Tokenizer tokenizer = Tokenizers.fromFolder(trained);
      RunData data = files.batches(tokenizer);
      Dataset<Batch> part = split.equals("test") ? data.test() : data.validation();
      if (part == null) {
        throw new TrainingException(
            "[data.split] leaves nothing for " + split + "; evaluate another part");
      }
      try (FamilyModel model = FamilyModel.open(engine, trained, _ -> false);
          Evaluator evaluator = new Evaluator(engine, model, loss(0), evaluation(tokenizer))) {
        return evaluator.judge(part, split);
      }
    }
  }

  private Engine engine() {
    Engine.Builder builder =
        Engine.builder()
            .precision(Precision.valueOf(config.text("precision").toUpperCase(Locale.ROOT)));
    int threads = config.int32("threads");
    return (threads == 0 ? builder : builder.threads(threads)).build();
  }

  private Path start() {
    return folder.resolve(START);
  }

  /** Makes the tokenizer and the model before its first step. */
  private Tokenizer begin(Engine engine, RunFiles files) {
    write(folder.resolve(CONFIG), config.toYaml());
    try {
      RunCheckpoints.remove(start());
      Files.createDirectories(start());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot create " + start() + ": " + e.getMessage(), e);
    }
    if (config.has("model.from")) {
      try (FamilyModel m =
          FamilyModel.open(engine, Path.of(config.text("model.from")), _ -> false)) {
        m.save(start());
      }
      return Tokenizers.fromFolder(start());
    }
    Tokenizer tokenizer = files.tokenizer(start());
    int dim = config.int32("model.dim");
    int layers = config.int32("model.layers");
    int heads = config.int32("model.heads");
    boolean classes = config.text("objective.name").equals("classification");
    List<String> labels = config.texts("objective.labels");
    ModelShape shape =
        new ModelShape(
            tokenizer.vocabularySize(),
            dim,
            layers,
            heads,
            config.has("model.kv_heads") ? config.int32("model.kv_heads") : heads,
            config.has("model.hidden") ? config.int32("model.hidden") : 4 * dim,
            config.int32("batch.context"),
            config.flag("model.tied"),
            classes ? ModelShape.Head.CLASSES : ModelShape.Head.TOKENS,
            classes ? labels : List.of());
    NewModel.write(
        engine,
        start(),
        config.text("model.family"),
        shape,
        WeightInitializer.normal(config.number("model.deviation"), 2 * layers),
        config.integer("seed"));
    return tokenizer;
  }

  private FamilyModel model(Engine engine, RunCheckpoints.@Nullable Saved saved) {
    Pattern trained;
    try {
      trained = Pattern.compile(config.text("model.train"));
    } catch (PatternSyntaxException e) {
      throw new TrainingException("[model.train] is no regular expression: " + e.getMessage(), e);
    }
    FamilyModel model =
        FamilyModel.open(
            engine,
            saved == null ? start() : saved.folder(),
            name -> trained.matcher(name).matches());
    List<String> labels = config.texts("objective.labels");
    if (config.text("objective.name").equals("classification") && !model.labels().equals(labels)) {
      List<String> own = model.labels();
      model.close();
      throw new TrainingException(
          "[objective.labels] are "
              + labels
              + ", and the model's are "
              + own
              + "; make them equal");
    }
    return model;
  }

  private RunEnd train(
      Engine engine,
      FamilyModel model,
      RunData data,
      Tokenizer tokenizer,
      RunCheckpoints checkpoints,
      RunCheckpoints.@Nullable Saved saved) {
    double decay = config.number("optimizer.average");
    try (TrainingListener logs = Listeners.of(logs());
        ParameterUpdates updates = updates(engine, model.parameters());
        Ema ema = decay == 0 ? null : new Ema(engine, model.parameters(), decay, true);
        Trainer trainer =
            new Trainer(engine, model, loss(), updates, schedule(), data.train(), options())) {
      trainer.saveTo(checkpoints, identity());
      trainer.listen(
          Listeners.of(logs, listener), config.text("name"), config.toYaml(), describe());
      if (data.validation() != null) {
        trainer.evaluate(data.validation(), evaluation(tokenizer), loss(0));
      }
      if (ema != null) {
        trainer.average(ema);
      }
      if (config.number("optimizer.loss_scale") > 0) {
        trainer.scaleLoss(scale());
      }
      if (saved != null) {
        trainer.resume(saved);
      }
      long begin = System.nanoTime();
      RunEnd end = trainer.run();
      saveModel(
          trainer, RunCard.of(config, model.family(), end, (System.nanoTime() - begin) / 1e9));
      return end;
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

  private void saveModel(Trainer trainer, ModelCard card) {
    Path target = folder.resolve(MODEL);
    Path temporary = folder.resolve("." + MODEL + ".tmp");
    Path old = folder.resolve("." + MODEL + ".old");
    try {
      RunCheckpoints.remove(temporary);
      RunCheckpoints.remove(old);
      Files.createDirectory(temporary);
      trainer.saveModel(temporary);
      write(temporary.resolve(ModelCard.FILE_NAME), card.toJson() + "\n");
      if (Files.exists(target)) {
        Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
      }
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      RunCheckpoints.remove(old);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + target + ": " + e.getMessage(), e);
    }
  }

  private ParameterUpdates updates(Engine engine, Map<String, Buffer> parameters) {
    Map<String, Double> settings = config.numbersByName("optimizer.settings");
    ParameterUpdates.Builder builder =
        ParameterUpdates.of(
                engine, Optimizers.of(config.text("optimizer.name"), settings), parameters)
            .groups(
                config.flag("optimizer.decay_vectors")
                    ? ParameterGroup.all()
                    : ParameterGroup.usual())
            .clipping(clipping())
            .skippingNonFinite();
    if (!Double.isNaN(schedule().momentum(0))) {
      builder.movingMomentum();
    }
    return (config.number("optimizer.loss_scale") > 0 ? builder.lossScaling() : builder).build();
  }

  private GradientClipping clipping() {
    double value = config.number("optimizer.clip_value");
    double norm = config.number("optimizer.clip_norm");
    if (value > 0) {
      return GradientClipping.byValue(value);
    }
    return norm > 0 ? GradientClipping.byNorm(norm) : GradientClipping.none();
  }

  private LossScale scale() {
    double first = config.number("optimizer.loss_scale");
    return config.flag("optimizer.dynamic_scale")
        ? LossScale.dynamic(first, 2000)
        : LossScale.fixed(first);
  }

  private Loss loss() {
    return loss(config.number("objective.label_smoothing"));
  }

  private static Loss loss(double smoothing) {
    CrossEntropy each = new CrossEntropy(CrossEntropy.IGNORE, smoothing, Reduction.MEAN, null);
    return each.on(TrainableModel.LOGITS, Batch.LABELS);
  }

  private Schedule schedule() {
    String name = config.text("schedule.name");
    Map<String, Double> settings = new HashMap<>(config.numbersByName("schedule.settings"));
    settings.put("peak", config.number("schedule.peak"));
    if (Schedules.settings(name).contains("steps")) {
      settings.putIfAbsent("steps", (double) config.integer("steps"));
    }
    return Schedules.of(name, settings);
  }

  private Evaluation evaluation(Tokenizer tokenizer) {
    return config.text("objective.name").equals("classification")
        ? new ClassificationEvaluation(config.texts("objective.labels"))
        : new LanguageModelEvaluation(
            id -> tokenizer.decodeBytes(new int[] {id}, DecodeOptions.TEXT).length);
  }

  private TrainingOptions options() {
    return new TrainingOptions(
        config.integer("steps"),
        config.integer("seed"),
        config.int32("batch.accumulate"),
        config.number("model.dropout"),
        config.flag("model.recompute"),
        config.integer("evaluate.every"),
        config.flag("evaluate.first"),
        config.integer("checkpoint.every"),
        config.int32("checkpoint.keep"),
        config.flag("checkpoint.keep_best"),
        config.int32("evaluate.patience"),
        config.integer("log.histograms_every"),
        4);
  }

  /**
   * The configuration that the run began with, by its hash, and the data by checksums. A run goes
   * on only with the same one, but for where it lies, how it is told of, and how many threads
   * compute it.
   */
  private String identity() {
    Config first = Config.read(folder.resolve(CONFIG), TrainingKeys.schema(), List.of());
    List<String> changed =
        first.differences(config).stream()
            .filter(key -> !key.startsWith("log.") && !key.startsWith("checkpoint."))
            .filter(key -> !FREE.contains(key))
            .toList();
    if (!changed.isEmpty()) {
      throw new TrainingException(
          folder
              + ": the run began with other settings of "
              + String.join(", ", changed)
              + " (see its config.yaml); go on with those, or give another 'output'");
    }
    StringBuilder all = new StringBuilder(first.hash());
    for (String file : config.texts("data.files")) {
      try {
        all.append(" %08x".formatted(Crc.of(Path.of(file))));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
      }
    }
    return all.toString();
  }

  private String describe() {
    return config.has("model.from")
        ? config.text("model.from")
        : "%s, %d layers, %d wide"
            .formatted(
                config.text("model.family"),
                config.int32("model.layers"),
                config.int32("model.dim"));
  }

  private static void write(Path file, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    AtomicFile.write(file, sink -> sink.write(bytes));
  }
}
