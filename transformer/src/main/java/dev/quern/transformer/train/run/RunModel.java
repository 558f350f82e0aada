package dev.quern.transformer.train.run;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.AtomicFolder;
import dev.quern.transformer.families.ModelShape;
import dev.quern.transformer.families.NewModel;
import dev.quern.transformer.families.WeightInitializer;
import dev.quern.transformer.model.Task;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.Tokenizers;
import dev.quern.transformer.train.FamilyModel;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * The model of a run: made, or taken from a folder, and opened.
 *
 * @param config of {@link TrainingKeys#schema()}
 * @param start the folder of the model before its first step
 */
record RunModel(Config config, Path start) {
  private static final String CLASSIFICATION = "classification";

  /** Refuses keys of a new model where there is one already. */
  private void checkKeys() {
    List<String> given =
        TrainingKeys.ofNewModels().stream()
            .filter(config::isGiven)
            .filter(key -> !(key.equals("tokenizer.kind") && config.text(key).equals("model")))
            .toList();
    if (!given.isEmpty()) {
      throw new TrainingException(
          "["
              + given.getFirst()
              + "] model.from takes the model and its tokenizer as they are in "
              + config.text("model.from")
              + "; leave out "
              + String.join(", ", given)
              + ", or leave out model.from for a new model");
    }
  }

  /** Refuses to read from the folder that is written anew. */
  private void checkElsewhere(String key) {
    if (config.has(key) && real(Path.of(config.text(key))).startsWith(real(start))) {
      throw new TrainingException(
          "["
              + key
              + "] "
              + config.text(key)
              + " is in "
              + start
              + ", which this run would write anew; copy it elsewhere, or give another 'output'");
    }
  }

  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) { // it is not there
      return path.toAbsolutePath().normalize();
    }
  }

  /** Makes the tokenizer and the model before its first step. */
  Tokenizer begin(Engine engine, RunFiles files, Consumer<String> notices) {
    if (config.has("model.from")) {
      checkKeys();
    }
    checkElsewhere("model.from");
    checkElsewhere("tokenizer.file");
    AtomicFolder.delete(start);
    try {
      Files.createDirectories(start);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot create " + start + ": " + e.getMessage(), e);
    }
    if (config.has("model.from")) {
      take(engine, Path.of(config.text("model.from")), notices);
      return Tokenizers.fromFolder(start);
    }
    Tokenizer tokenizer = files.tokenizer(start);
    NewModel.write(
        engine,
        start,
        config.text("model.family"),
        shape(tokenizer.vocabularySize()),
        WeightInitializer.normal(
            config.number("model.deviation"), 2 * config.int32("model.layers")),
        config.integer("seed"));
    return tokenizer;
  }

  /** Copies a model there is; an encoder that is to classify gets a classifier. */
  private void take(Engine engine, Path from, Consumer<String> notices) {
    try (FamilyModel m = FamilyModel.open(engine, from, _ -> false)) {
      boolean classifies = config.text("objective.name").equals(CLASSIFICATION);
      boolean isEncoder = m.task() == Task.MASK_FILLING || m.task() == Task.TEXT_EMBEDDING;
      if (!classifies || !isEncoder) {
        m.save(start);
        return;
      }
      List<String> labels = config.texts("objective.labels");
      List<String> made = m.saveAsClassifier(start, labels, config.integer("seed"));
      notices.accept(
          from
              + " has no classifier of sequences: "
              + String.join(", ", made)
              + " are new, and know nothing before they are trained");
    }
  }

  private ModelShape shape(int vocabulary) {
    int dim = config.int32("model.dim");
    int heads = config.int32("model.heads");
    boolean classes = config.text("objective.name").equals(CLASSIFICATION);
    return new ModelShape(
        vocabulary,
        dim,
        config.int32("model.layers"),
        heads,
        config.has("model.kv_heads") ? config.int32("model.kv_heads") : heads,
        config.has("model.hidden") ? config.int32("model.hidden") : 4 * dim,
        config.int32("batch.context"),
        config.flag("model.tied"),
        classes ? ModelShape.Head.CLASSES : ModelShape.Head.TOKENS,
        classes ? config.texts("objective.labels") : List.of());
  }

  /** Opens a folder of the run, its start or a checkpoint, to train what is to be trained. */
  FamilyModel open(Engine engine, Path folder) {
    Pattern trained;
    try {
      trained = Pattern.compile(config.text("model.train"));
    } catch (PatternSyntaxException e) {
      throw new TrainingException("[model.train] is no regular expression: " + e.getMessage(), e);
    }
    FamilyModel model = FamilyModel.open(engine, folder, name -> trained.matcher(name).matches());
    try {
      check(model);
      if (model.parameters().isEmpty()) {
        throw new TrainingException(
            "[model.train] "
                + trained
                + " matches the whole name of no weight; quern inspect "
                + folder
                + " lists them");
      }
      return model;
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  private void check(FamilyModel model) {
    String objective = config.text("objective.name");
    Task wanted = task(objective);
    if (model.task() != wanted) {
      throw new TrainingException(
          "[objective.name] "
              + objective
              + " trains models for "
              + wanted.jsonName()
              + ", and this "
              + model.family()
              + " is for "
              + model.task().jsonName()
              + "; take another objective or another model");
    }
    int context = config.int32("batch.context");
    if (context > model.contextLength()) {
      throw new TrainingException(
          "[batch.context] is "
              + context
              + " tokens, and the model's context "
              + model.contextLength()
              + "; take at most that");
    }
    List<String> labels = config.texts("objective.labels");
    if (objective.equals(CLASSIFICATION) && !model.labels().equals(labels)) {
      throw new TrainingException(
          "[objective.labels] are "
              + labels
              + ", and the model's are "
              + model.labels()
              + "; make them equal");
    }
  }

  /** What a model that an objective trains is for. */
  static Task task(String objective) {
    return switch (objective) {
      case CLASSIFICATION -> Task.TEXT_CLASSIFICATION;
      case "masked_lm" -> Task.MASK_FILLING;
      default -> Task.TEXT_GENERATION;
    };
  }

  String describe() {
    return config.has("model.from")
        ? config.text("model.from")
        : "%s, %d layers, %d wide"
            .formatted(
                config.text("model.family"),
                config.int32("model.layers"),
                config.int32("model.dim"));
  }
}
