package dev.quern.transformer.export;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.families.Checkpoint;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What a family's folder becomes in GGUF: the names of its tensors, and its settings. */
interface FamilyExport {
  /** GGUF's name of the architecture. */
  String architecture();

  /** Writes the settings, under the architecture's prefix. */
  void settings(Pairs to);

  /** Where a tensor goes, or null if GGUF has no place for it. */
  @Nullable Place place(String name);

  /** Tensors that GGUF has and the folder has not. */
  default Map<String, Supplier<Tensor>> more(Engine engine) {
    return Map.of();
  }

  /** The export of a folder's family. */
  static FamilyExport of(Checkpoint checkpoint) {
    return switch (checkpoint.architecture()) {
      case "llama", "mistral" -> new LlamaExport(checkpoint);
      case "gpt2" -> new Gpt2Export(checkpoint);
      case "bert" -> new BertExport(checkpoint);
      default ->
          throw new NotSupportedException(
              "[export] "
                  + checkpoint.path()
                  + ": models of family '"
                  + checkpoint.architecture()
                  + "' can't be exported to GGUF; there are bert, gpt2, llama, mistral");
    };
  }
}
