package dev.quern.transformer.cli;

import dev.quern.core.io.npy.NpyFile;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.families.Encoder;
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
import picocli.CommandLine.Option;

/** {@code quern logits}: what the model computes, as numbers. */
@Command(
    name = "logits",
    description = {
      "Writes the logits of every position in NumPy's format.",
      "They are F32 [T, vocabulary]; for an encoder it is the last hidden states, F32 [T, dim]."
    })
final class LogitsCommand implements Callable<Integer> {
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
      switch (open) {
        case CausalLanguageModel m -> writeLogits(m);
        case EncoderModel m -> writeHiddenStates(m);
        default -> throw new NotSupportedException(open.card().name() + " has no logits");
      }
    }
    return 0;
  }

  private void writeLogits(CausalLanguageModel open) {
    int vocabulary = open.decoder().dimensions().vocabulary();
    check(vocabulary, open.decoder().dimensions().contextLength());
    try (Session session = open.openSession(1, tokens.length)) {
      NpyFile.write(
          output,
          TensorSpec.of(ScalarType.F32, tokens.length, vocabulary),
          sink ->
              session.prefill(
                  0, tokens, 0, (_, logits) -> sink.write(MemorySegment.ofArray(logits))));
    }
  }

  private void writeHiddenStates(EncoderModel open) {
    if (model.hasCacheType()) {
      throw new InputException("--cache-type is for models that generate; an encoder has no cache");
    }
    Encoder.Dimensions sizes = open.encoder().dimensions();
    check(sizes.vocabulary(), sizes.contextLength());
    try (TensorScope _ = TensorScope.open("logits")) {
      Tensor input = open.engine().tensor(tokens, 1, tokens.length);
      Tensor hidden = Objects.requireNonNull(open.infer(Map.of("tokens", input)).get("hidden"));
      NpyFile.write(
          output,
          TensorSpec.of(ScalarType.F32, tokens.length, sizes.dim()),
          MemorySegment.ofArray(hidden.toFloats()));
    }
  }

  private void check(int vocabulary, int context) {
    for (int t : tokens) {
      InputException.checkToken(t, vocabulary);
    }
    InputException.checkFits("--tokens gives", tokens.length, context);
  }
}
