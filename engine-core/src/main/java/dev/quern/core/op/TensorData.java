package dev.quern.core.op;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import java.util.ArrayList;
import java.util.List;

/**
 * Moving, converting and creating: {@link DataOp}, {@link ScatterOp}, {@link CreateOp}, {@link
 * BufferOp}.
 */
public sealed interface TensorData permits Tensor {

  /**
   * Converts to another dtype; quantises and dequantises block types.
   *
   * @param to the wanted dtype
   * @return same shape; this tensor if it has the dtype already
   */
  default Tensor cast(DType to) {
    return self().dtype() == to ? self() : one(new DataOp.Cast(to));
  }

  /**
   * The elements without gaps.
   *
   * @return this tensor if it has none, else a copy
   */
  default Tensor contiguous() {
    return self().layout().isContiguous() ? self() : one(new DataOp.Contiguous());
  }

  /**
   * This tensor on a device. Gradients pass: they move back to where the tensor is.
   *
   * @param device where it shall be
   * @return this tensor if it is there already, else a copy without gaps
   * @throws DeviceException if there is no such device; says what there is, and why not. While
   *     recording, if it is a value of the plan, which runs on one device, or a buffer that it
   *     would read
   * @throws NotSupportedException if the device's backend can't hold tensors yet
   */
  default Tensor to(Device device) {
    return self().device().equals(device) ? self() : self().executor().move(self(), device);
  }

  /**
   * The same values, cut off from what they were computed from: a gradient tape does not follow
   * them back. A view; while recording, of the same value.
   *
   * @return same dtype and shape, the same memory, and not watched
   */
  default Tensor detach() {
    return self().executor().detach(self());
  }

  /**
   * This tensor and others one after another.
   *
   * @param axis along which
   * @param others same dtype, equal but for that axis
   * @return the joined tensor
   */
  default Tensor concat(int axis, Tensor... others) {
    List<Tensor> all = new ArrayList<>();
    all.add(self());
    all.addAll(List.of(others));
    return self().executor().apply(new DataOp.Concat(axis), all).getFirst();
  }

  /**
   * This tensor and others along a new axis.
   *
   * @param axis position of the new axis in the result
   * @param others same dtype and shape
   * @return one axis more
   */
  default Tensor stack(int axis, Tensor... others) {
    Tensor[] rest = new Tensor[others.length];
    for (int i = 0; i < rest.length; i++) {
      rest[i] = others[i].unsqueeze(axis);
    }
    return self().unsqueeze(axis).concat(axis, rest);
  }

  /**
   * Whole slices by index.
   *
   * @param axis the axis that indices replace
   * @param indices I32|I64, any shape
   * @return x.shape[:axis] + indices.shape + x.shape[axis+1:]
   */
  default Tensor indexSelect(int axis, Tensor indices) {
    return one(new DataOp.IndexSelect(axis), indices);
  }

  /**
   * Single elements by index along one axis.
   *
   * @param axis which
   * @param indices I32|I64, same rank
   * @return the shape of indices
   */
  default Tensor gather(int axis, Tensor indices) {
    return one(new DataOp.Gather(axis), indices);
  }

  /**
   * This with slices added by index: y[..., indices[j...], ...] += source[..., j..., ...]. The
   * transpose of {@link #indexSelect}.
   *
   * @param axis the axis that indices replace
   * @param indices I32|I64, any shape; an index may occur often
   * @param source x.shape[:axis] + indices.shape + x.shape[axis+1:], this dtype
   * @return this shape and dtype
   */
  default Tensor indexAdd(int axis, Tensor indices, Tensor source) {
    return one(new ScatterOp.IndexAdd(axis), indices, source);
  }

  /**
   * This with single elements added by index along one axis: y[..., indices[..., j, ...], ...] +=
   * source[..., j, ...]. The transpose of {@link #gather}.
   *
   * @param axis which
   * @param indices I32|I64, same rank; an index may occur often
   * @param source the shape of indices, this dtype
   * @return this shape and dtype
   */
  default Tensor scatterAdd(int axis, Tensor indices, Tensor source) {
    return one(new ScatterOp.ScatterAdd(axis), indices, source);
  }

  /**
   * this ? a : b, elementwise; this is BOOL.
   *
   * @param a where true
   * @param b where false, same dtype
   * @return the broadcast shape, dtype of a and b
   */
  default Tensor where(Tensor a, Tensor b) {
    return one(new DataOp.Where(), a, b);
  }

  /**
   * Rows of this table; the row of the padding id gets no gradient.
   *
   * @param ids I32|I64, any shape; each in 0..rows−1
   * @param to this dtype, or F32
   * @param paddingId an id whose row is not trained
   * @return ids.shape + [dim]
   */
  default Tensor embedding(Tensor ids, ScalarType to, long paddingId) {
    Tensor rows = embedding(ids, to);
    Tensor padding =
        ids.cast(ScalarType.I64).equal(ids.arange(ScalarType.I64, 1).add((double) paddingId));
    return padding.unsqueeze(-1).where(rows.detach(), rows);
  }

  /**
   * Rows of this table.
   *
   * @param ids I32|I64, any shape; each in 0..rows−1
   * @param to this dtype, or F32
   * @return ids.shape + [dim]
   */
  default Tensor embedding(Tensor ids, ScalarType to) {
    return one(new DataOp.Embedding(to), ids);
  }

  /**
   * A constant tensor of this shape and dtype.
   *
   * @param value everywhere
   * @return same shape and dtype
   * @throws DTypeException if this has a block type
   */
  default Tensor fullLike(double value) {
    return scalarLike(value).expand(self().shape());
  }

  /**
   * A constant tensor of this dtype and another shape.
   *
   * @param value everywhere
   * @param shape extents
   * @return that shape, this dtype; a view of one value
   * @throws DTypeException if this has a block type
   */
  default Tensor fullLike(double value, Shape shape) {
    return scalarLike(value).expand(shape);
  }

  /**
   * A constant of this dtype.
   *
   * @param value rounded to the dtype
   * @return a scalar
   * @throws DTypeException if this has a block type
   */
  default Tensor scalarLike(double value) {
    if (!(self().dtype() instanceof ScalarType dtype)) {
      throw new DTypeException(
          "[full] a single value can't be "
              + self().dtype().name()
              + " like "
              + self().spec()
              + ", whose elements come in blocks; cast the tensor to F32 first");
    }
    return self().executor().create(new CreateOp.Full(dtype, Shape.SCALAR, value), self().device());
  }

  /**
   * 0, 1, 2... made where this tensor lives.
   *
   * @param dtype a number type
   * @param length how many
   * @return [length]
   */
  default Tensor arange(ScalarType dtype, long length) {
    return self().executor().create(new CreateOp.Arange(dtype, 0, 1, length), self().device());
  }

  /**
   * Overwrites this view of a buffer. The value may be another view of the same buffer: it is what
   * it was before.
   *
   * @param value same dtype, broadcasts to this shape
   * @throws ShapeException if the shapes don't fit, or this shows an element at two places
   */
  default void assign(Tensor value) {
    if (self().layout().overlapsItself()) {
      throw new ShapeException(
          "[assign] the target "
              + self().spec()
              + " shows elements at two places, so they would have two values; assign to the"
              + " buffer, or to a view of it without expanded axes and overlapping windows");
    }
    boolean moves =
        value.hasValues()
            && self().hasValues()
            && value.storage() == self().storage()
            && !value.layout().equals(self().layout());
    Tensor apart = moves ? self().executor().one(new DataOp.Contiguous(), value) : value;
    self().executor().apply(new BufferOp.Assign(), List.of(self(), apart));
  }

  /**
   * A step of AdamW on this parameter, a buffer, as {@link BufferOp.AdamW} has it. The state is all
   * zeros before the first step.
   *
   * @param gradient of this shape and dtype
   * @param m the running mean of gradients, a buffer of this shape and dtype, overwritten
   * @param v the running mean of their squares, likewise
   * @param scalars [4]: rate, rate · weight decay, 1/(1 − β₁ᵗ), 1/√(1 − β₂ᵗ)
   * @param scale []: what the gradient is multiplied by first
   * @param op β₁, β₂ and eps
   */
  default void adamW(
      Tensor gradient, Tensor m, Tensor v, Tensor scalars, Tensor scale, BufferOp.AdamW op) {
    self().executor().apply(op, List.of(self(), gradient, m, v, scalars, scale));
  }

  private Tensor self() {
    return (Tensor) this;
  }

  private Tensor one(Op op, Tensor... rest) {
    List<Tensor> in = new ArrayList<>();
    in.add(self());
    in.addAll(List.of(rest));
    return self().executor().apply(op, in).getFirst();
  }
}
