package dev.quern.core.op;

import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.TensorView;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ShapeException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Function;

/** Values out of a tensor, into Java. */
public sealed interface TensorValues permits Tensor {

  /**
   * The elements as floats, last axis fastest.
   *
   * @return a new array; other dtypes are converted
   */
  default float[] toFloats() {
    return dense(ScalarType.F32, s -> s.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
  }

  /**
   * The elements as doubles, last axis fastest.
   *
   * @return a new array; other dtypes are converted
   */
  default double[] toDoubles() {
    return dense(ScalarType.F64, s -> s.toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED));
  }

  /**
   * The elements as longs, last axis fastest.
   *
   * @return a new array; other dtypes are converted
   */
  default long[] toLongs() {
    return dense(ScalarType.I64, s -> s.toArray(ValueLayout.JAVA_LONG_UNALIGNED));
  }

  /**
   * The only element.
   *
   * @return its value
   * @throws ShapeException if there is not exactly one
   */
  default double item() {
    if (self().shape().elements() != 1) {
      throw new ShapeException(
          "[item] " + self().spec() + " has " + self().shape().elements() + " elements, not 1");
    }
    return toDoubles()[0];
  }

  /**
   * The bytes of a tensor without gaps. Such memory is not recycled while the segment is reachable,
   * unless it belongs to a scope, plan or file, whose closing ends it.
   *
   * @return exactly its bytes
   * @throws ShapeException if it has gaps; call {@code contiguous()} first
   * @throws DeviceException if it is on another device; call {@code to(Device.CPU)} first
   */
  default MemorySegment segment() {
    Tensor t = self();
    if (!t.layout().isContiguous()) {
      throw new ShapeException(
          "[segment] " + t.spec() + " is a view with gaps; call contiguous() first");
    }
    if (!t.device().equals(Device.CPU)) {
      throw new DeviceException(
          "[segment] "
              + t.spec()
              + " is on "
              + t.device()
              + "; move it where the host can read it: x.to(Device.CPU)");
    }
    MemorySegment all = t.storage().escape();
    return all.asSlice(t.dtype().bytes(t.layout().offset()), t.spec().byteSize());
  }

  private <A> A dense(ScalarType as, Function<MemorySegment, A> copy) {
    Tensor t = self();
    if (t.dtype().isBlock() && as != ScalarType.F32) {
      throw new DTypeException(
          "tensor " + t.spec() + " converts to floats only; cast it to F32 first");
    }
    Tensor d = t.to(Device.CPU).cast(as).contiguous();
    Lifetime use = d.storage().acquire();
    try {
      TensorView v = d.view();
      return copy.apply(v.segment().asSlice(v.offsetBytes(), d.spec().byteSize()));
    } finally {
      use.release();
    }
  }

  private Tensor self() {
    return (Tensor) this;
  }
}
