package dev.quern.transformer.cli;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.decode.SessionOptions;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Decoder;
import dev.quern.transformer.families.Families;
import dev.quern.transformer.families.Family;
import dev.quern.transformer.families.Weights;
import dev.quern.transformer.tokenizer.Tokenizer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A model as commands use it: below the standard interface, where prefill and steps can be timed
 * one by one.
 */
record OpenModel(Path path, Engine engine, Checkpoint checkpoint, Weights weights, Family family)
    implements AutoCloseable {

  static OpenModel open(Path path, Engine engine) {
    Checkpoint checkpoint = null;
    Weights weights = null;
    try {
      checkpoint = Checkpoint.open(path);
      weights = new Weights(engine, checkpoint);
      return new OpenModel(path, engine, checkpoint, weights, Families.load(weights));
    } catch (RuntimeException e) {
      close(engine, checkpoint, weights);
      throw e;
    }
  }

  Tokenizer tokenizer() {
    return ModelFiles.tokenizer(path);
  }

  /** The model as a generator of text. */
  Decoder decoder() {
    if (family instanceof Decoder d) {
      return d;
    }
    throw new NotSupportedException(
        path
            + " is a "
            + family.family()
            + " model, an encoder, and generates no text; give a"
            + " causal language model, or use 'quern logits' for hidden states");
  }

  /** A session for one sequence. */
  Session session(int capacity) {
    return Session.open(
        engine, decoder(), SessionOptions.of(1, capacity), checkpoint.tensors()::checkLength);
  }

  @Override
  public void close() {
    close(engine, checkpoint, weights);
  }

  @SuppressWarnings("EmptyTryBlock") // try-with-resources closes all, whatever one of them throws
  private static void close(
      Engine engine, @Nullable Checkpoint checkpoint, @Nullable Weights weights) {
    try (engine;
        checkpoint;
        weights) {}
  }
}
