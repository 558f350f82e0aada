package dev.quern.transformer.cli;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.compress.Quantization;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern quantize}: a GGUF file in a smaller element type. */
@Command(
    name = "quantize",
    description = {
      "Writes a GGUF file with its weight matrices in another type.",
      "Norms, biases and learned positions stay as they are."
    })
final class QuantizeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "IN.gguf", description = "An F32, F16 or BF16 model.")
  private Path in;

  @Parameters(index = "1", paramLabel = "OUT.gguf", description = "The file to write.")
  private Path out;

  @Parameters(
      index = "2",
      paramLabel = "TYPE",
      description = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL or IQ4_XS.")
  private String type;

  @Override
  public Integer call() throws IOException {
    if (Files.exists(out) && Files.exists(in) && Files.isSameFile(in, out)) {
      throw new ParameterException(spec.commandLine(), "IN and OUT are the same file");
    }
    Quantization quantization;
    try {
      quantization = Quantization.of(DType.of(type));
    } catch (DTypeException | NotSupportedException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    PrintWriter err = spec.commandLine().getErr();
    boolean terminal = Terminal.isInteractive();
    try (Engine engine = Engine.create()) {
      Quantization.Report report =
          quantization.run(
              engine,
              in,
              out,
              t -> {
                if (terminal) {
                  err.print("\r\u001b[K" + Visible.of(t.name()));
                  err.flush();
                }
              });
      if (terminal) {
        err.print("\r\u001b[K");
      }
      report
          .fallbacks()
          .forEach(
              (name, t) ->
                  err.println(
                      Visible.of(name) + " became " + t.name() + ": its rows don't fill blocks"));
      err.printf(
          Locale.ROOT,
          "%s: %.1f MB, was %.1f MB%n",
          out,
          report.bytesAfter() / 1e6,
          report.bytesBefore() / 1e6);
    }
    return 0;
  }
}
