package dev.quern.transformer.cli;

import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.DType;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.Task;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
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
  private @Nullable Path model;

  /** Makes the model optional, and says that there is a default. */
  static final class ModelHasDefault implements CommandLine.IModelTransformer {
    @Override
    public CommandSpec transform(CommandSpec command) {
      OptionSpec model = command.findOption("--model");
      command.remove(model);
      return command.addOption(
          OptionSpec.builder(model)
              .required(false)
              .description(
                  "A GGUF file or a Hugging Face folder (default: the model that comes with"
                      + " Quern).")
              .build());
    }
  }

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads that compute (default: one per core). Results don't depend on it.")
  private @Nullable Integer threads;

  @Option(
      names = "--precision",
      paramLabel = "P",
      description =
          "exact: activations stay F32. fast: they are rounded to what the weights' format takes."
              + " bf16: F16 and F32 weights are rounded too."
              + " auto (default): exact for F32 weights, else fast.")
  private Precision precision = Precision.AUTO;

  @Option(
      names = "--device",
      paramLabel = "D",
      description =
          "Where weights, caches and computation are: cpu (default), or cuda:0, cuda:1... as"
              + " 'quern devices' lists them.")
  private @Nullable String device;

  @Option(
      names = "--cache-type",
      paramLabel = "T",
      description =
          "How keys and values of earlier tokens are stored: f32, f16, bf16, or in about half of"
              + " f16 q8_0, which needs heads of a multiple of 32 elements, or f8_e4m3 (fp8), which"
              + " is coarser and ends at 448 (default: f16 if most weights have 16 bits or fewer"
              + " and precision is not exact, else f32).")
  private @Nullable CacheType cacheType;

  /** What a cache can be stored in, under the names of dtypes, and those that vLLM has. */
  enum CacheType {
    F32,
    F16,
    BF16,
    F8_E4M3,
    FP8,
    FP8_E4M3,
    Q8_0;

    /** The dtype that is meant. */
    DType dtype() {
      return this == FP8 || this == FP8_E4M3 ? ScalarType.F8_E4M3 : DType.of(name());
    }
  }

  /** Whether there is a model; not asked by commands that require one. */
  boolean isGiven() {
    return model != null;
  }

  /** Whether it was said how keys and values are stored. */
  boolean hasCacheType() {
    return cacheType != null;
  }

  /** The model's file or folder; for commands that require one, or ask {@link #isGiven}. */
  Path path() {
    if (model == null) {
      throw new ParameterException(mixee.commandLine(), "Missing required option: '--model=MODEL'");
    }
    return model;
  }

  /** Takes the model that comes with Quern for a task, if none is given. */
  void useDefault(Task task) {
    if (model == null) {
      model = Models.defaultPath(task);
    }
  }

  /** How many threads compute. */
  int threads() {
    Integer chosen = described(ModelOptions.DEFAULT).threads();
    return chosen == null ? TaskPool.shared().threads() : chosen;
  }

  /** Opens the model; closing it closes all. */
  Model open(ModelOptions options) {
    return Models.open(path(), described(options));
  }

  /** Opens the model as a generator of text; closing it closes all. */
  CausalLanguageModel openCausal(ModelOptions options) {
    return Models.openCausal(path(), described(options));
  }

  private Device device(String name) {
    try {
      return Device.of(name);
    } catch (DeviceException e) {
      throw new ParameterException(mixee.commandLine(), "--device: " + e.getMessage(), e);
    }
  }

  private ModelOptions described(ModelOptions options) {
    ModelOptions chosen = options.withPrecision(precision);
    if (device != null) {
      chosen = chosen.withDevice(device(device));
    }
    if (cacheType != null) {
      chosen = chosen.withCache(cacheType.dtype());
    }
    if (threads == null) {
      return chosen;
    }
    if (threads < 1 || threads > MOST_THREADS) {
      throw new ParameterException(
          mixee.commandLine(), "--threads is " + threads + "; it must be 1 to " + MOST_THREADS);
    }
    return chosen.withThreads(threads);
  }
}
