package dev.quern.transformer.cli;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Precision;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options of all commands that run a model: which, and how. */
final class ModelMixin {
  private static final int MOST_THREADS = 1024;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec mixee;

  @Option(
      names = {"-m", "--model"},
      required = true,
      paramLabel = "MODEL",
      description = "A GGUF file or a Hugging Face folder.")
  private Path model;

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description =
          "Threads that compute (default: one per processor). Results don't depend on it.")
  private @Nullable Integer threads;

  @Option(
      names = "--precision",
      paramLabel = "P",
      description =
          "exact: activations stay F32. fast: they are rounded to what the weights' format takes."
              + " bf16: F16 and F32 weights are rounded too."
              + " auto (default): exact for F32 weights, else fast.")
  private Precision precision = Precision.AUTO;

  /** Whether there is a model; not asked by commands that require one. */
  boolean isGiven() {
    return model != null;
  }

  /** The model's file or folder. */
  Path path() {
    return model;
  }

  /** How many threads compute. */
  int threads() {
    Integer chosen = described(ModelOptions.DEFAULT).threads();
    return chosen == null ? TaskPool.shared().threads() : chosen;
  }

  /** Opens the model; closing it closes all. */
  Model open(ModelOptions options) {
    return Models.open(model, described(options));
  }

  /** Opens the model as a generator of text; closing it closes all. */
  CausalLanguageModel openCausal(ModelOptions options) {
    return Models.openCausal(model, described(options));
  }

  private ModelOptions described(ModelOptions options) {
    if (threads == null) {
      return options.withPrecision(precision);
    }
    if (threads < 1 || threads > MOST_THREADS) {
      throw new ParameterException(
          mixee.commandLine(), "--threads is " + threads + "; it must be 1 to " + MOST_THREADS);
    }
    return options.withPrecision(precision).withThreads(threads);
  }
}
