package dev.quern.transformer.families;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.List;

/**
 * The first values of a new model's weights.
 *
 * <p>A lambda will do for values of one's own; {@link #normal} is what GPT-2, Llama and BERT use.
 */
@FunctionalInterface
public interface WeightInitializer {
  /**
   * First values.
   *
   * @param engine makes them
   * @param name of the weight, as a Hugging Face folder spells it
   * @param shape of the weight
   * @param seed another one for each weight of a model, 0 ≤ seed ≤ 2^53
   * @return F32 of that shape
   */
  Tensor values(Engine engine, String name, Shape shape, long seed);

  /**
   * Normal matrices and embeddings, norms of ones, biases of zeros (Radford et al. 2019, section
   * 2.3).
   *
   * @param deviation standard deviation, usually 0.02
   * @param residuals how many sums the residual stream has, which is twice the number of blocks:
   *     the maps that write to it get deviation / √residuals; 1 for no difference
   * @return the initializer
   */
  static WeightInitializer normal(double deviation, int residuals) {
    List<String> outputs =
        List.of("c_proj.weight", "o_proj.weight", "down_proj.weight", "output.dense.weight");
    return (engine, name, shape, seed) -> {
      long[] dims = new long[shape.rank()];
      for (int i = 0; i < dims.length; i++) {
        dims[i] = shape.dim(i);
      }
      if (dims.length == 1) {
        return engine.full(ScalarType.F32, name.endsWith("bias") ? 0 : 1, dims);
      }
      boolean writes = outputs.stream().anyMatch(name::endsWith);
      double own = writes ? deviation / Math.sqrt((double) residuals) : deviation;
      return engine.normal(seed, dims).mul(own);
    };
  }
}
