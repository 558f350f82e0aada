package dev.quern.transformer.train;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.safetensors.SafetensorsFile;
import dev.quern.core.io.safetensors.SafetensorsWriter;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Buffer;
import dev.quern.core.type.FormatException;
import java.nio.file.Path;
import java.util.Map;

/** Buffers as a safetensors file: the optimiser's state in a checkpoint. */
final class StateFile {
  /** Its name in a checkpoint. */
  static final String NAME = "optimizer.safetensors";

  private StateFile() {}

  static void write(Path file, Map<String, Buffer> state) {
    SafetensorsWriter writer = new SafetensorsWriter();
    state.forEach((name, b) -> writer.tensor(name, b.spec(), FamilyModel.bytes(b.value())));
    writer.write(file);
  }

  /** Fills buffers from a file, which may hold others too if it need not be whole. */
  static void read(Engine engine, Path file, Map<String, Buffer> state, boolean whole) {
    try (SafetensorsFile tensors = SafetensorsFile.open(file);
        TensorScope _ = TensorScope.open("state")) {
      boolean fits =
          whole
              ? tensors.names().equals(state.keySet())
              : tensors.names().containsAll(state.keySet());
      if (!fits) {
        throw new FormatException(
            file
                + ": it holds the state of another optimiser or of other parameters; resume with"
                + " the configuration that the run began with");
      }
      state.forEach(
          (name, b) -> {
            if (!tensors.spec(name).equals(b.spec())) {
              throw new FormatException(
                  "%s: '%s' is %s, and the run has %s"
                      .formatted(file, name, tensors.spec(name), b.spec()));
            }
            b.assign(engine.wrap(tensors.storage(name), b.spec()).to(engine.device()));
          });
    }
  }
}
