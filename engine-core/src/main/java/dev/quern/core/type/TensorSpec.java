package dev.quern.core.type;

/**
 * What can be known of a tensor before it has memory.
 *
 * @param dtype element type
 * @param shape extents
 */
public record TensorSpec(DType dtype, Shape shape) {

  /**
   * A spec from its parts.
   *
   * @param dtype element type
   * @param dims extents, outermost first
   * @return the spec
   */
  public static TensorSpec of(DType dtype, long... dims) {
    return new TensorSpec(dtype, Shape.of(dims));
  }

  /**
   * Checks that an axis holds a block type's whole blocks: the last one, or another if this is a
   * transposed view.
   *
   * @throws DTypeException if a block would be split
   */
  public TensorSpec {
    if (dtype.isBlock() && !holdsBlocks(shape, dtype.blockLength())) {
      throw new DTypeException(
          "["
              + dtype.name()
              + "] the last axis of "
              + shape
              + " must be a multiple of the block length "
              + dtype.blockLength());
    }
  }

  private static boolean holdsBlocks(Shape shape, int blockLength) {
    for (int a = 0; a < shape.rank(); a++) {
      if (shape.dim(a) % blockLength == 0) {
        return true;
      }
    }
    return false;
  }

  /**
   * Size of the elements when stored without gaps.
   *
   * @return bytes
   */
  public long byteSize() {
    return dtype.bytes(shape.elements());
  }

  /**
   * The spec with another element type.
   *
   * @param other element type
   * @return a new spec
   */
  public TensorSpec as(DType other) {
    return new TensorSpec(other, shape);
  }

  /**
   * The spec with another shape.
   *
   * @param other extents
   * @return a new spec
   */
  public TensorSpec as(Shape other) {
    return new TensorSpec(dtype, other);
  }

  /**
   * Shape and element type.
   *
   * @return for example {@code [2, 3] F32}
   */
  @Override
  public String toString() {
    return shape + " " + dtype.name();
  }
}
