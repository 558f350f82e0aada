package dev.quern.transformer.cli;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.npy.NpyFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.families.Encoder;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code quern logits}: what the model computes, as numbers. */
@Command(
    name = "logits",
    description = {
      "Writes the logits of every position as F32 [T, vocabulary] in NumPy's format;",
      "for an encoder the last hidden states, [T, dim]."
    })
final class LogitsCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ModelMixin model;

  @Option(
      names = "--tokens",
      required = true,
      split = ",",
      paramLabel = "ID",
      description = "Token ids, separated by commas.")
  private int[] tokens;

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "OUT.npy",
      description = "The file to write.")
  private Path output;

  @Override
  public Integer call() {
    try (OpenModel open = model.open()) {
      float[] values;
      if (open.family() instanceof Encoder encoder) {
        open.checkpoint().tensors().checkLength();
        check(encoder.dimensions().vocabulary());
        values = hiddenStates(open.engine(), encoder);
      } else {
        check(open.decoder().dimensions().vocabulary());
        try (Session session = open.session(tokens.length)) {
          values = session.prefillAll(0, tokens);
        }
      }
      NpyFile.write(
          output,
          TensorSpec.of(ScalarType.F32, tokens.length, values.length / tokens.length),
          MemorySegment.ofArray(values));
    }
    return 0;
  }

  private float[] hiddenStates(Engine engine, Encoder encoder) {
    try (TensorScope _ = TensorScope.open("logits")) {
      return encoder.forward(engine.tensor(tokens, 1, tokens.length), null, null).toFloats();
    }
  }

  private void check(int vocabulary) {
    for (int t : tokens) {
      if (t < 0 || t >= vocabulary) {
        throw new ParameterException(
            spec.commandLine(),
            "token id " + t + " is not in the vocabulary, 0 to " + (vocabulary - 1));
      }
    }
  }
}
