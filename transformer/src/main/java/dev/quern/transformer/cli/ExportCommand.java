package dev.quern.transformer.cli;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.export.GgufExport;
import dev.quern.transformer.export.HuggingFaceExport;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern export}: a model's folder for other programs. */
@Command(
    name = "export",
    description = {
      "Writes a model's folder as a GGUF file, or as a folder that Transformers opens.",
      "The folder has config.json, safetensors and tokenizer.json; families are Llama and Mistral,"
          + " GPT-2, and BERT with or without a classifier."
    })
final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FOLDER",
      description = "The model's folder, or that of a training run, whose folder 'model' is taken.")
  private Path folder;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "OUT",
      description = "The GGUF file, or the new folder, to write.")
  private Path out;

  /** What can be written. */
  private enum Target {
    GGUF,
    HUGGINGFACE
  }

  @Option(
      names = "--to",
      paramLabel = "FORMAT",
      description = "gguf or huggingface (default: gguf).")
  private Target to = Target.GGUF;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description =
          "Element type of the weight matrices: F32, F16 or BF16, and for GGUF also Q8_0, Q4_0,"
              + " Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL or IQ4_XS (default: as they are stored).")
  private @Nullable String type;

  @Override
  public Integer call() {
    PrintWriter err = spec.commandLine().getErr();
    boolean terminal = Terminal.isInteractive();
    Consumer<String> progress =
        name -> {
          if (terminal) {
            err.print("\r\u001b[K" + Visible.of(name));
            err.flush();
          }
        };
    try (Engine engine = Engine.create()) {
      switch (to) {
        case GGUF -> gguf(engine, progress, err, terminal);
        case HUGGINGFACE -> huggingFace(engine, progress, err, terminal);
      }
    }
    return 0;
  }

  /** A training run keeps its model in a folder of its own. */
  private Path model() {
    Path inside = folder.resolve("model");
    boolean isRun =
        !Files.exists(folder.resolve("config.json")) && Files.exists(inside.resolve("config.json"));
    return isRun ? inside : folder;
  }

  private void gguf(Engine engine, Consumer<String> progress, PrintWriter err, boolean terminal) {
    GgufExport export = accepted(() -> new GgufExport(type()));
    GgufExport.Report report = export.run(engine, model(), out, progress);
    clear(err, terminal);
    report
        .fallbacks()
        .forEach(
            (name, t) ->
                err.println(
                    Visible.of(name) + " became " + t.name() + ": its rows don't fill blocks"));
    for (String name : report.leftOut()) {
      err.println(Visible.of(name) + " was left out: GGUF has no place for it, or needs no copy");
    }
    err.printf(Locale.ROOT, "%s: %s, %.1f MB%n", out, report.type().name(), report.bytes() / 1e6);
  }

  private void huggingFace(
      Engine engine, Consumer<String> progress, PrintWriter err, boolean terminal) {
    HuggingFaceExport export = accepted(() -> new HuggingFaceExport(type()));
    HuggingFaceExport.Report report = export.run(engine, model(), out, progress);
    clear(err, terminal);
    err.printf(
        Locale.ROOT,
        "%s: %s, %.1f MB%n",
        out,
        String.join(", ", report.files()),
        report.bytes() / 1e6);
  }

  private static void clear(PrintWriter err, boolean terminal) {
    if (terminal) {
      err.print("\r\u001b[K");
    }
  }

  private @Nullable DType type() {
    return type == null ? null : DType.of(type);
  }

  /** What the type allows, refused as a mistake of the command line. */
  private <T> T accepted(Supplier<T> make) {
    try {
      return make.get();
    } catch (DTypeException | NotSupportedException e) {
      throw new ParameterException(spec.commandLine(), "--type: " + e.getMessage(), e);
    }
  }
}
