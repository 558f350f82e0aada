package dev.quern.core.engine;

import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.Executor;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;

/**
 * Makes tensors from Java values, constants and seeds. They belong to the innermost {@link
 * TensorScope}.
 */
public sealed interface TensorFactory permits Engine {
  /**
   * Who runs the operations of the tensors made here.
   *
   * @return the engine
   */
  Executor executor();

  /**
   * An F32 tensor.
   *
   * @param values last axis fastest; copied
   * @param dims extents; none for [values.length]
   * @return F32
   */
  default Tensor tensor(float[] values, long... dims) {
    return fill(ScalarType.F32, MemorySegment.ofArray(values), values.length, dims);
  }

  /**
   * An F64 tensor.
   *
   * @param values last axis fastest; copied
   * @param dims extents; none for [values.length]
   * @return F64
   */
  default Tensor tensor(double[] values, long... dims) {
    return fill(ScalarType.F64, MemorySegment.ofArray(values), values.length, dims);
  }

  /**
   * An I32 tensor.
   *
   * @param values last axis fastest; copied
   * @param dims extents; none for [values.length]
   * @return I32
   */
  default Tensor tensor(int[] values, long... dims) {
    return fill(ScalarType.I32, MemorySegment.ofArray(values), values.length, dims);
  }

  /**
   * An I64 tensor.
   *
   * @param values last axis fastest; copied
   * @param dims extents; none for [values.length]
   * @return I64
   */
  default Tensor tensor(long[] values, long... dims) {
    return fill(ScalarType.I64, MemorySegment.ofArray(values), values.length, dims);
  }

  /**
   * A BOOL tensor.
   *
   * @param values last axis fastest; copied
   * @param dims extents; none for [values.length]
   * @return BOOL
   */
  default Tensor tensor(boolean[] values, long... dims) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (values[i] ? 1 : 0);
    }
    return fill(ScalarType.BOOL, MemorySegment.ofArray(bytes), values.length, dims);
  }

  /**
   * A tensor from raw little-endian bytes.
   *
   * @param spec dtype and shape
   * @param bytes exactly {@code spec.byteSize()} of them; copied
   * @return the tensor
   */
  Tensor tensor(TensorSpec spec, MemorySegment bytes);

  /**
   * One value everywhere.
   *
   * @param dtype element type
   * @param value rounded to the dtype
   * @param dims extents
   * @return the tensor
   */
  default Tensor full(ScalarType dtype, double value, long... dims) {
    return executor().one(new CreateOp.Full(dtype, Shape.of(dims), value));
  }

  /**
   * F32 zeros.
   *
   * @param dims extents
   * @return F32
   */
  default Tensor zeros(long... dims) {
    return full(ScalarType.F32, 0, dims);
  }

  /**
   * start, start + step, ...
   *
   * @param dtype a number type
   * @param start first value
   * @param step difference
   * @param length how many
   * @return [length]
   */
  default Tensor arange(ScalarType dtype, double start, double step, long length) {
    return executor().one(new CreateOp.Arange(dtype, start, step, length));
  }

  /**
   * Uniform in [0, 1), by Philox. The same seed gives the same values everywhere.
   *
   * @param seed which sequence
   * @param dims extents
   * @return F32
   */
  default Tensor uniform(long seed, long... dims) {
    return executor()
        .one(
            new CreateOp.RandomUniform(ScalarType.F32, Shape.of(dims)),
            tensor(new long[] {seed, 0}));
  }

  /**
   * Standard normal, by Philox. The same seed gives the same values everywhere.
   *
   * @param seed which sequence
   * @param dims extents
   * @return F32
   */
  default Tensor normal(long seed, long... dims) {
    return executor()
        .one(
            new CreateOp.RandomNormal(ScalarType.F32, Shape.of(dims)),
            tensor(new long[] {seed, 0}));
  }

  private Tensor fill(ScalarType dtype, MemorySegment values, long count, long... dims) {
    Shape shape = dims.length == 0 ? Shape.of(count) : Shape.of(dims);
    if (shape.elements() != count) {
      throw new ShapeException(
          "[tensor] shape "
              + shape
              + " has "
              + shape.elements()
              + " elements, got "
              + count
              + " values");
    }
    return tensor(new TensorSpec(dtype, shape), values);
  }
}
