package dev.quern.transformer.train.run;

import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.config.ConfigKey;
import dev.quern.transformer.train.config.ConfigSchema;
import dev.quern.transformer.train.config.ConfigType;
import dev.quern.transformer.train.optimizer.Optimizers;
import dev.quern.transformer.train.schedule.Schedules;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the configuration of a training run may say. */
public final class TrainingKeys {
  private static final Set<String> FREE =
      Set.of("name", "licence", "limits", "output", "threads", "model.recompute", "data.files");
  private static final Set<String> FREE_SECTIONS = Set.of("evaluate", "checkpoint", "log");

  private static final List<String> OF_NEW_MODELS =
      List.of(
          "model.family",
          "model.layers",
          "model.dim",
          "model.heads",
          "model.kv_heads",
          "model.hidden",
          "model.tied",
          "model.deviation",
          "tokenizer.kind",
          "tokenizer.size",
          "tokenizer.file");

  private TrainingKeys() {}

  /** The keys that describe a new model and its tokenizer, and say nothing of one there is. */
  static List<String> ofNewModels() {
    return OF_NEW_MODELS;
  }

  /** A configuration as YAML, without the keys that say nothing in it. */
  static String yaml(Config config) {
    return config.toYaml(config.has("model.from") ? Set.copyOf(OF_NEW_MODELS) : Set.of());
  }

  /**
   * Whether a run that goes on may have another value than it began with: where it lies, how many
   * threads compute it, what it keeps in memory, when it is judged and saved, how it is told of.
   * None of these changes a bit of the weights. The files may lie elsewhere, but must hold the same
   * data; {@code steps} may change too where {@code schedule.settings} has its own, or the schedule
   * none.
   *
   * @param path of a key
   * @return false if a resumed run is refused with another value
   */
  public static boolean mayChange(String path) {
    int dot = path.indexOf('.');
    return FREE.contains(path) || (dot > 0 && FREE_SECTIONS.contains(path.substring(0, dot)));
  }

  /**
   * All keys, with types, defaults and descriptions.
   *
   * @return the schema
   */
  public static ConfigSchema schema() {
    ConfigSchema.Builder s = ConfigSchema.builder();
    general(s);
    model(s);
    data(s);
    optimization(s);
    reports(s);
    return s.build();
  }

  /**
   * All keys as a page of Markdown, {@code configs/KEYS.md} among the sources.
   *
   * @return lines that end in a line feed
   */
  public static String page() {
    StringBuilder free = new StringBuilder();
    for (ConfigKey key : schema().keys()) {
      String section = key.path().substring(0, Math.max(0, key.path().indexOf('.')));
      if (mayChange(key.path()) && !FREE_SECTIONS.contains(section)) {
        free.append("`").append(key.path()).append("`, ");
      }
    }
    return """
    # Keys of a training run

    What a YAML file for `quern train` may say. Keys stand in their sections (`batch.size` is `size:` below `batch:`), unknown ones
    are refused, and `--set batch.size=8` counts more than the file. `quern train --template` prints a file with every default.

    A run that is resumed goes on with the settings that it began with. It may change %sand all of `evaluate`,
    `checkpoint` and `log`: none of them changes a bit of the weights. The files may lie elsewhere, but hold the same data; `steps` may
    change where the schedule does not follow it (`constant`, or `steps` among `schedule.settings`).

    """
            .formatted(free)
        + schema().toMarkdown();
  }

  private static ConfigType count() {
    return ConfigType.integer().atLeast(1);
  }

  private static ConfigType countOrNone() {
    return ConfigType.integer().atLeast(0);
  }

  private static void general(ConfigSchema.Builder s) {
    s.key("name", ConfigType.text(), "run", "What logs and the report call the run.")
        .optional("licence", ConfigType.text(), "The model's, for its card.")
        .key("limits", ConfigType.text(), "", "What the model can't do, for its card.")
        .required("output", ConfigType.text(), "The run's folder; it is created.")
        .required("steps", countOrNone(), "Updates in the whole run.")
        .key(
            "seed",
            countOrNone(),
            0,
            "Of the first weights, the data's order and dropout. The same seed gives the same"
                + " bits on the same kind of device; on a CUDA device with cuBLASLt installed"
                + " only with -Dquern.cuda.matmul=own.")
        .key(
            "precision",
            ConfigType.text().oneOf("auto", "exact", "fast", "bf16"),
            "auto",
            "Of products: auto and exact are F32, bf16 rounds their operands (weights stay F32).")
        .key(
            "device",
            ConfigType.text(),
            "cpu",
            "Where weights, gradients and the optimiser's state are: cpu, or cuda:0, cuda:1...")
        .key("threads", countOrNone(), 0, "Threads; 0 for one per core.");
  }

  private static void model(ConfigSchema.Builder s) {
    s.section("model", "What is trained: a model there is (from), or a new one.")
        .optional(
            "model.from",
            ConfigType.text(),
            "A Hugging Face folder to go on from, with its tokenizer; the keys of a new model and"
                + " its tokenizer are refused then. An encoder that is to classify gets a new"
                + " classifier, and a new pooler if it has none.")
        .key(
            "model.family",
            ConfigType.text().oneOf("llama", "gpt2", "bert"),
            "llama",
            "Of a new model.")
        .key("model.layers", count(), 4, "Blocks of a new model.")
        .key(
            "model.dim",
            count(),
            128,
            "Extent of a new model's hidden states, a multiple of heads.")
        .key("model.heads", count(), 4, "Query heads of a new model.")
        .optional(
            "model.kv_heads",
            count(),
            "Key/value heads of a new model, a divisor of heads (default: heads).")
        .optional(
            "model.hidden",
            count(),
            "Inside the feed-forward layers of a new model (default: 4 * dim).")
        .key(
            "model.tied",
            ConfigType.flag(),
            true,
            "Whether a new model's output map is the embedding.")
        .key(
            "model.deviation",
            ConfigType.number().above(0),
            0.02,
            "Standard deviation of a new model's weights; maps to the residual stream get it over"
                + " sqrt(2 * layers).")
        .key(
            "model.train",
            ConfigType.text(),
            ".*",
            "A regular expression: weights whose whole names it matches are trained, others"
                + " frozen.")
        .key(
            "model.dropout",
            ConfigType.number().atLeast(0).below(1),
            0.0,
            "Share of what each layer adds that is dropped.")
        .key(
            "model.recompute",
            ConfigType.flag(),
            false,
            "Whether blocks are computed again in the backward pass: less memory, a third more"
                + " time.");
    s.section("tokenizer", "How texts become ids.")
        .key(
            "tokenizer.kind",
            ConfigType.text().oneOf("bpe", "characters", "file", "model"),
            "bpe",
            "bpe and characters are learnt from the data; file is tokenizer.file; model is"
                + " model.from's, which it always has.")
        .key("tokenizer.size", count(), 2048, "Tokens of a bpe.")
        .optional("tokenizer.file", ConfigType.text(), "A tokenizer.json, or its folder.");
  }

  private static void data(ConfigSchema.Builder s) {
    s.section("data", "What is learnt from.")
        .required("data.files", ConfigType.listOf(ConfigType.text()), "Files, in their order.")
        .key(
            "data.format",
            ConfigType.text().oneOf("text", "lines", "json_lines", "arrow", "tokens"),
            "text",
            "text: one corpus; lines: a text a line; json_lines: an object a line; arrow: Arrow"
                + " files or streams; tokens: a token file.")
        .key(
            "data.split",
            ConfigType.listOf(ConfigType.number().atLeast(0).atMost(1)),
            List.of(0.9, 0.1, 0.0),
            "Shares of training, validation and test. A corpus is cut in this order, examples are"
                + " dealt by chance, those with labels by label.")
        .key(
            "data.check_leaks",
            ConfigType.flag(),
            true,
            "Whether examples may be in one part only.")
        .key(
            "data.text",
            ConfigType.text(),
            "text",
            "Field of json_lines or arrow: the text, or question.")
        .key(
            "data.answer", ConfigType.text(), "answer", "Field of json_lines or arrow: the answer.")
        .key(
            "data.label",
            ConfigType.text(),
            "label",
            "Field of json_lines or arrow: the label's name.");
    s.section("objective", "What is learnt.")
        .key(
            "objective.name",
            ConfigType.text().oneOf("causal_lm", "masked_lm", "classification", "answers"),
            "causal_lm",
            "answers: causal_lm that learns the answers alone.")
        .key(
            "objective.labels",
            ConfigType.listOf(ConfigType.text()),
            List.of(),
            "Names of the classes, in the order of the model's outputs.")
        .key(
            "objective.label_smoothing",
            ConfigType.number().atLeast(0).below(1),
            0.0,
            "Share of the probability that goes to all classes alike.");
    s.key(
        "objective.whole_words",
        ConfigType.flag(),
        false,
        "Whether masked_lm hides whole words instead of tokens.");
    s.section("batch", "How much is computed at once.")
        .key("batch.size", count(), 16, "Sequences.")
        .key(
            "batch.context",
            count(),
            256,
            "Longest sequence, in tokens; a corpus is cut into windows of it, longer texts lose"
                + " their ends, which is told.")
        .key("batch.accumulate", count(), 1, "Batches whose gradients make one update.")
        .key(
            "batch.buckets",
            countOrNone(),
            0,
            "Batches of examples that are sorted by length together; 0 for none.")
        .key(
            "batch.packing",
            ConfigType.flag(),
            false,
            "Whether several texts share a sequence of the whole context, instead of filling it up;"
                + " none sees another. For causal_lm over texts of their own, and answers.");
  }

  private static void optimization(ConfigSchema.Builder s) {
    s.section("optimizer", "How weights move.")
        .key("optimizer.name", ConfigType.text().oneOf(Optimizers.names()), "adamw", "The rule.")
        .key(
            "optimizer.settings",
            ConfigType.mapOf(ConfigType.number()),
            Map.of(),
            "Its numbers, such as beta1, beta2, eps, weight_decay, momentum; true is 1.")
        .key(
            "optimizer.clip_norm",
            ConfigType.number().atLeast(0),
            1.0,
            "Largest norm of all gradients together; 0 for none.")
        .key(
            "optimizer.clip_value",
            ConfigType.number().atLeast(0),
            0.0,
            "Largest element of a gradient, instead of clip_norm; 0 for none.")
        .key(
            "optimizer.decay_vectors",
            ConfigType.flag(),
            false,
            "Whether norms and biases have weight decay too.")
        .key(
            "optimizer.average",
            ConfigType.number().atLeast(0).below(1),
            0.0,
            "Decay of an exponential average of the weights, which is evaluated and saved as the"
                + " model; 0 for none.")
        .key(
            "optimizer.loss_scale",
            ConfigType.number().atLeast(0),
            0.0,
            "What the loss is multiplied with for gradients that F16 would lose; 0 for none. No"
                + " precision needs it yet: gradients are F32, and bf16 has the range of F32.")
        .key(
            "optimizer.dynamic_scale",
            ConfigType.flag(),
            false,
            "Whether the loss scale doubles after 2000 good steps and is halved by one that is not"
                + " finite.");
    s.section("schedule", "The learning rate.")
        .key("schedule.name", ConfigType.text().oneOf(Schedules.names()), "cosine", "Its form.")
        .key("schedule.peak", ConfigType.number().atLeast(0), 1e-3, "The highest rate.")
        .key(
            "schedule.settings",
            ConfigType.mapOf(ConfigType.number()),
            Map.of(),
            "Its other numbers, such as warmup and floor; steps is the run's unless given.");
  }

  private static void reports(ConfigSchema.Builder s) {
    s.section("evaluate", "When the model is judged on the validation part.")
        .key("evaluate.every", countOrNone(), 0, "Steps between evaluations; 0 for only the last.")
        .key("evaluate.first", ConfigType.flag(), false, "Whether before the first step too.")
        .key(
            "evaluate.patience",
            countOrNone(),
            0,
            "Evaluations without a lower loss after which the run stops; 0 for never.");
    s.section("checkpoint", "When the run is saved, so that it can go on from there.")
        .key(
            "checkpoint.every", countOrNone(), 0, "Steps between checkpoints; 0 for only the last.")
        .key("checkpoint.keep", count(), 2, "How many stay.")
        .key("checkpoint.keep_best", ConfigType.flag(), true, "Whether the best one stays too.")
        .optional(
            "checkpoint.model",
            ConfigType.text().oneOf("best", "last"),
            "Which one becomes the run's model: the one with the lowest validation loss, or the"
                + " last (default: best if it stays and there is a validation part, else last).");
    s.section("log", "What is told of the run.")
        .key("log.csv", ConfigType.flag(), true, "steps.csv and evaluations.csv, a row each.")
        .key("log.json", ConfigType.flag(), true, "log.jsonl, an object a step.")
        .key("log.tensorboard", ConfigType.flag(), true, "Event files for TensorBoard.")
        .key("log.report", ConfigType.flag(), true, "report.html at the end.")
        .key("log.progress", ConfigType.flag(), true, "A line on the terminal.")
        .key(
            "log.histograms_every",
            countOrNone(),
            0,
            "Steps between histograms of the weights; 0 for none.");
  }
}
