package dev.quern.transformer.cli;

import dev.quern.core.io.npy.NpyFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.EncoderModel;
import dev.quern.transformer.model.Model;
import dev.quern.transformer.model.ModelOptions;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
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
    try (Model open = model.open(ModelOptions.DEFAULT.withoutTokenizer())) {
      float[] values =
          switch (open) {
            case CausalLanguageModel m -> {
              check(m.decoder().dimensions().vocabulary());
              try (Session session = m.openSession(1, tokens.length)) {
                yield session.prefillAll(0, tokens);
              }
            }
            case EncoderModel m -> {
              check(m.encoder().dimensions().vocabulary());
              yield hiddenStates(m);
            }
            default -> throw new NotSupportedException(open.card().name() + " has no logits");
          };
      NpyFile.write(
          output,
          TensorSpec.of(ScalarType.F32, tokens.length, values.length / tokens.length),
          MemorySegment.ofArray(values));
    }
    return 0;
  }

  private float[] hiddenStates(EncoderModel open) {
    try (TensorScope _ = TensorScope.open("logits")) {
      Tensor input = open.engine().tensor(tokens, 1, tokens.length);
      return Objects.requireNonNull(open.infer(Map.of("tokens", input)).get("hidden")).toFloats();
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
