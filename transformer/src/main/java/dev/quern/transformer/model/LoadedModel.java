package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Weights;
import dev.quern.transformer.tokenizer.Tokenizer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What all models opened from a checkpoint share: ownership, locking, checks. */
abstract sealed class LoadedModel implements Model
    permits CausalLanguageModel, ClassifierModel, EncoderModel {
  /**
   * What a model is made of; it owns them.
   *
   * @param engine runs it
   * @param ownsEngine whether the engine ends with the model
   * @param checkpoint the mapped files
   * @param weights the tensors
   * @param tokenizer text to tokens and back, or null if it was not asked for
   */
  record Parts(
      Engine engine,
      boolean ownsEngine,
      Checkpoint checkpoint,
      Weights weights,
      @Nullable Tokenizer tokenizer) {
    void close() {
      LoadedModel.close(ownsEngine ? engine : null, checkpoint, weights);
    }
  }

  /** Closes all that are there, the last first, whatever one of them throws. */
  @SuppressWarnings("EmptyTryBlock") // try-with-resources closes all
  static void close(
      @Nullable Engine engine, @Nullable Checkpoint checkpoint, @Nullable Weights weights) {
    try (engine;
        checkpoint;
        weights) {}
  }

  private final Parts parts;
  private final ModelCard card;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  LoadedModel(Parts parts, ModelCard card) {
    this.parts = parts;
    this.card = card;
  }

  /** Computes outputs from checked inputs and parameters; runs inside a scope. */
  abstract Map<String, Tensor> compute(Map<String, Tensor> inputs, ParameterValues parameters);

  @Override
  public final ModelCard card() {
    return card;
  }

  /**
   * What runs it.
   *
   * @return the engine
   */
  public final Engine engine() {
    return parts.engine;
  }

  /**
   * Text to tokens and back.
   *
   * @return the tokenizer
   * @throws NotSupportedException if the model was opened without it
   */
  public final Tokenizer tokenizer() {
    if (parts.tokenizer == null) {
      throw new NotSupportedException(
          "model '"
              + card.name()
              + "' was opened without its tokenizer and takes token ids alone; leave"
              + " withoutTokenizer() out of its options");
    }
    return parts.tokenizer;
  }

  /**
   * The files it was opened from.
   *
   * @return the checkpoint, which ends with the model
   */
  public final Checkpoint checkpoint() {
    return parts.checkpoint;
  }

  @Override
  public final Map<String, Tensor> infer(Map<String, Tensor> inputs, Map<String, ?> parameters) {
    return whileOpen(
        () -> {
          Map<String, Long> extents = signature().checkInputs(inputs);
          ParameterValues settings = signature().resolve(parameters);
          checkpoint().tensors().checkLength();
          try (TensorScope scope = TensorScope.open("infer " + card.name())) {
            Map<String, Tensor> here = new LinkedHashMap<>();
            inputs.forEach((name, t) -> here.put(name, t.to(engine().device())));
            Map<String, Tensor> outputs = compute(here, settings);
            signature().checkOutputs(outputs, extents);
            Map<String, Tensor> kept = new LinkedHashMap<>();
            outputs.forEach((name, t) -> kept.put(name, scope.promote(t.contiguous())));
            return kept;
          }
        });
  }

  /** Runs something during which the model can't be closed by another thread. */
  final <T> T whileOpen(Supplier<T> work) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new ScopeClosedException(
            "model '" + card.name() + "' was used after it was closed; keep it open");
      }
      return work.get();
    } finally {
      lock.readLock().unlock();
    }
  }

  /** An input that the signature has checked to be there. */
  static Tensor needed(Map<String, Tensor> inputs, String name) {
    Tensor t = inputs.get(name);
    if (t == null) {
      throw new FieldException("input", name, "is missing");
    }
    return t;
  }

  /** Refuses values outside a range, for inputs that index something. */
  static void checkRange(String input, Tensor values, long min, long max) {
    for (long v : values.toLongs()) {
      if (v < min || v > max) {
        throw new FieldException(
            "input", input, "contains " + v + "; values must be in " + min + ".." + max);
      }
    }
  }

  @Override
  public final void close() {
    if (lock.getReadHoldCount() > 0) {
      throw new ScopeClosedException(
          "model '" + card.name() + "' can't be closed from within its own call");
    }
    lock.writeLock().lock();
    try {
      if (closed) {
        throw new ScopeClosedException(
            "model '" + card.name() + "' was closed twice; close it once");
      }
      closed = true;
      parts.close();
    } finally {
      lock.writeLock().unlock();
    }
  }
}
