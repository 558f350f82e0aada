package dev.quern.transformer.export;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;

/**
 * Where a tensor of a Hugging Face folder goes in a GGUF file.
 *
 * @param name as GGUF spells it
 * @param form what is done to its axes
 * @param heads for {@link Form#PAIRED}: how many heads its rows belong to
 */
record Place(String name, Form form, int heads) {
  /** What is done to a tensor's axes. */
  enum Form {
    /** Nothing. */
    AS_IS,
    /** [in, out] becomes [out, in]. */
    TRANSPOSED,
    /** Rows half a head apart become neighbours: the pairs that rotary embeddings turn. */
    PAIRED
  }

  static Place asIs(String name) {
    return new Place(name, Form.AS_IS, 0);
  }

  static Place transposed(String name) {
    return new Place(name, Form.TRANSPOSED, 0);
  }

  static Place paired(String name, int heads) {
    return new Place(name, Form.PAIRED, heads);
  }

  /** The shape that a tensor has there. */
  Shape shape(Shape stored) {
    return form == Form.TRANSPOSED ? Shape.of(stored.dim(1), stored.dim(0)) : stored;
  }

  /** The values that a tensor has there; a view where that can be. */
  Tensor values(Tensor stored) {
    return switch (form) {
      case AS_IS -> stored;
      case TRANSPOSED -> stored.transpose();
      case PAIRED -> paired(stored);
    };
  }

  private Tensor paired(Tensor stored) {
    long rows = stored.shape().dim(0);
    long half = rows / heads / 2;
    // [heads, 2, half, in] -> [heads, half, 2, in]
    return stored.reshape(heads, 2, half, -1).transpose(1, 2).reshape(stored.shape());
  }
}
