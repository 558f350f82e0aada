package dev.quern.transformer.cli;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.model.Task;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern inspect}: what is in a model file. */
@Command(
    name = "inspect",
    description = {
      "Prints the metadata and tensors of a GGUF or safetensors file.",
      "Without a file it prints the cards of the models that come with Quern."
    })
final class InspectCommand implements Callable<Integer> {
  private static final int SHOWN_CHARACTERS = 100;

  private static final List<Task> DEFAULTS =
      List.of(Task.TEXT_GENERATION, Task.TEXT_CLASSIFICATION);

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FILE",
      arity = "0..1",
      description = "A GGUF file, a safetensors file, or a folder of safetensors.")
  private @Nullable Path path;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    if (path == null) {
      defaults(out);
      return 0;
    }
    try (TensorFile file = TensorFiles.open(path)) {
      metadata(file, out);
      tensors(file, out);
    }
    return 0;
  }

  private static void defaults(PrintWriter out) {
    for (Task task : DEFAULTS) {
      Path file = Models.defaultPath(task);
      try (Checkpoint checkpoint = Checkpoint.open(file)) {
        out.println(task.jsonName() + ": " + file);
        out.println();
        ModelCard.in(checkpoint).ifPresent(card -> CardText.print(card, out));
      }
    }
  }

  private static void metadata(TensorFile file, PrintWriter out) {
    if (file instanceof GgufFile gguf) {
      out.println("GGUF version " + gguf.version() + ", alignment " + gguf.alignment() + " bytes");
      out.println();
      gguf.metadata()
          .find(ModelCard.GGUF_KEY)
          .ifPresent(json -> CardText.print(ModelCard.fromJson(json.toString()), out));
      out.println("metadata");
      for (Map.Entry<String, GgufValue> e : gguf.metadata().asMap().entrySet()) {
        if (e.getKey().equals(ModelCard.GGUF_KEY)) {
          continue; // printed above
        }
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
