package dev.quern.core.memory;

import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;

/**
 * What a kernel sees of a tensor: where the elements are. It has no owner and no life of its own.
 *
 * @param dtype element type
 * @param layout shape, strides and offset, in elements of the segment
 * @param segment the whole storage
 */
public record TensorView(DType dtype, Layout layout, MemorySegment segment) {

  /**
   * The extents.
   *
   * @return the shape
   */
  public Shape shape() {
    return layout.shape();
  }

  /**
   * Dtype and shape.
   *
   * @return the spec
   */
  public TensorSpec spec() {
    return new TensorSpec(dtype, layout.shape());
  }

  /**
   * Where the first element is.
   *
   * @return bytes from the start of {@link #segment}
   */
  public long offsetBytes() {
    return dtype.bytes(layout.offset());
  }

  /**
   * The distance between neighbours on an axis.
   *
   * @param axis −rank ≤ axis &lt; rank; not the block axis of a block type
   * @return bytes
   */
  public long strideBytes(int axis) {
    long s = layout.stride(axis);
    return s < 0 ? -dtype.bytes(-s) : dtype.bytes(s);
  }

  /**
   * The memory from the first element on. For layouts without negative strides.
   *
   * @return a slice of the segment
   */
  public MemorySegment base() {
    return segment.asSlice(offsetBytes());
  }
}
