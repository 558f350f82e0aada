package dev.quern.transformer.model;

import dev.quern.core.op.Tensor;
import java.util.Map;

/**
 * A model, whoever made it: what it is, what goes in, what comes out. Safe to share between
 * threads.
 */
public interface Model extends AutoCloseable {
  /**
   * What is known of it.
   *
   * @return its card
   */
  ModelCard card();

  /**
   * What goes in and comes out.
   *
   * @return its signature
   */
  Signature signature();

  /**
   * Runs the model.
   *
   * @param inputs tensors by name, as the signature's inputs say
   * @param parameters settings by name, as the signature's parameters say; those left out take
   *     their defaults
   * @return tensors by name, as the signature's outputs say; they belong to the caller's scope
   * @throws FieldException if something does not fit the signature; names it
   * @throws dev.quern.core.type.ScopeClosedException if the model was closed
   */
  Map<String, Tensor> infer(Map<String, Tensor> inputs, Map<String, ?> parameters);

  /**
   * Runs the model with default parameters.
   *
   * @param inputs tensors by name, as the signature's inputs say
   * @return tensors by name, as the signature's outputs say; they belong to the caller's scope
   * @throws FieldException if something does not fit the signature; names it
   * @throws dev.quern.core.type.ScopeClosedException if the model was closed
   */
  default Map<String, Tensor> infer(Map<String, Tensor> inputs) {
    return infer(inputs, Map.of());
  }

  /**
   * Frees the model. Waits for calls that are running.
   *
   * @throws dev.quern.core.type.ScopeClosedException if closed twice
   */
  @Override
  void close();
}
