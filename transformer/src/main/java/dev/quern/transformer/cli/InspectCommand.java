package dev.quern.transformer.cli;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern inspect}: what is in a model file. */
@Command(
    name = "inspect",
    description = "Prints the metadata and tensors of a GGUF or safetensors file.")
final class InspectCommand implements Callable<Integer> {
  private static final int SHOWN_CHARACTERS = 100;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FILE",
      description = "A GGUF file, a safetensors file, or a folder of safetensors.")
  private Path path;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (TensorFile file = TensorFiles.open(path)) {
      metadata(file, out);
      tensors(file, out);
    }
    return 0;
  }

  private static void metadata(TensorFile file, PrintWriter out) {
    if (file instanceof GgufFile gguf) {
      out.println("GGUF version " + gguf.version() + ", alignment " + gguf.alignment() + " bytes");
      out.println();
      out.println("metadata");
      for (Map.Entry<String, GgufValue> e : gguf.metadata().asMap().entrySet()) {
        String value = Visible.of(e.getValue().toString(), SHOWN_CHARACTERS);
        out.println("  " + Visible.of(e.getKey()) + " = " + value);
      }
      out.println();
    }
  }

  private static void tensors(TensorFile file, PrintWriter out) {
    Map<String, Long> bytesByType = new TreeMap<>();
    long parameters = 0;
    out.println("tensors");
    for (TensorInfo t : file.tensors().values()) {
      out.printf(
          Locale.ROOT,
          "  %-48s %-8s %-20s %,15d bytes at %d%n",
          Visible.of(t.name()),
          Visible.of(t.typeName()),
          t.shape(),
          t.byteSize(),
          t.offsetBytes());
      bytesByType.merge(t.typeName(), t.byteSize(), Long::sum);
      parameters += t.shape().elements();
    }
    out.println();
    out.printf(Locale.ROOT, "%d tensors, %,d parameters%n", file.tensors().size(), parameters);
    bytesByType.forEach(
        (type, bytes) -> out.printf(Locale.ROOT, "  %-8s %,15d bytes%n", Visible.of(type), bytes));
  }
}
