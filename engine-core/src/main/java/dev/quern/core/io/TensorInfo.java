package dev.quern.core.io;

import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import org.jspecify.annotations.Nullable;

/**
 * What a file's header says of one tensor.
 *
 * @param name unique in its file
 * @param typeName the element type as the file's format calls it
 * @param knownDType the element type, or null if Quern has none for it
 * @param shape extents, outermost first (row-major)
 * @param offsetBytes where its bytes begin, from the beginning of its file
 * @param byteSize how many bytes it has, or −1 if the size of its type is not known
 */
public record TensorInfo(
    String name,
    String typeName,
    @Nullable DType knownDType,
    Shape shape,
    long offsetBytes,
    long byteSize) {

  /**
   * The element type.
   *
   * @return a type of Quern's
   * @throws NotSupportedException if Quern has none for it; names the type
   */
  public DType dtype() {
    if (knownDType == null) {
      throw new NotSupportedException(
          "tensor '"
              + name
              + "' "
              + shape
              + " has the element type "
              + typeName
              + ", which is not supported; convert the file to another type");
    }
    return knownDType;
  }

  /**
   * Element type and shape.
   *
   * @return the spec
   * @throws NotSupportedException if Quern has no such element type; names the type
   */
  public TensorSpec spec() {
    return new TensorSpec(dtype(), shape);
  }
}
