package dev.quern.testkit;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.BlockCodec;
import dev.quern.core.reference.BlockCodecs;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Device;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An input of a case: a view that ends where its storage ends, and whose gaps are poison, so that
 * reading a byte too much is seen.
 *
 * @param view the elements
 */
public record Operand(TensorView view) {
  private static final byte POISON = (byte) 0xff; // NaN in every floating point type

  /**
   * Poisoned memory for an operand.
   *
   * @param dtype element type
   * @param layout where its elements will be
   * @return the operand, to be filled
   */
  static Operand allocate(DType dtype, Layout layout) {
    long last = layout.offset();
    for (int a = 0; a < layout.shape().rank(); a++) {
      last += Math.max(0, layout.stride(a)) * Math.max(0, layout.shape().dim(a) - 1);
    }
    int unit = dtype.blockLength();
    long elements = layout.shape().elements() == 0 ? 0 : last / unit * unit + unit;
    MemorySegment s = Arena.ofAuto().allocate(dtype.bytes(elements), 64).fill(POISON);
    return new Operand(new TensorView(dtype, layout, s));
  }

  /**
   * Dtype and shape.
   *
   * @return the spec
   */
  TensorSpec spec() {
    return view.spec();
  }

  /** The same layout over a copy of the whole storage. */
  Operand duplicate() {
    MemorySegment s = Arena.ofAuto().allocate(view.segment().byteSize(), 64);
    s.copyFrom(view.segment());
    return new Operand(new TensorView(view.dtype(), view.layout(), s));
  }

  /** The same elements without gaps, copied one by one; a transposed block type stays so. */
  Operand packed() {
    DType d = view.dtype();
    if (d.isBlock()) {
      return view.layout().stride(-1) == 1
          ? packedBlocks()
          : Samples.transposed(Samples.transposed(this).packedBlocks());
    }
    Operand copy = allocate(d, Layout.contiguous(view.shape()));
    long[] from = Values.positions(view.layout());
    int bytes = d.blockBytes();
    for (int i = 0; i < from.length; i++) {
      MemorySegment.copy(
          view.segment(), from[i] * bytes, copy.view.segment(), (long) i * bytes, bytes);
    }
    return copy;
  }

  private Operand packedBlocks() {
    DType d = view.dtype();
    int unit = d.blockLength();
    Operand copy = allocate(d, Layout.contiguous(view.shape()));
    long[] from = Values.positions(view.layout());
    for (int i = 0; i < from.length; i += unit) {
      MemorySegment.copy(
          view.segment(), d.bytes(from[i]), copy.view.segment(), d.bytes(i), d.blockBytes());
    }
    return copy;
  }

  /** The values of a block type without gaps, as F32. */
  Operand dequantized() {
    boolean rows = view.layout().stride(-1) == 1;
    Operand o = rows ? this : Samples.transposed(this);
    int count = Math.toIntExact(view.shape().elements());
    float[] values = new float[count];
    BlockCodec codec = BlockCodecs.of((BlockType) view.dtype());
    codec.dequantize(
        o.view.segment(), o.view.dtype().bytes(o.view.layout().offset()), values, 0, count);
    Operand f = allocate(ScalarType.F32, Layout.contiguous(o.view.shape()));
    MemorySegment.copy(values, 0, f.view.segment(), ValueLayout.JAVA_FLOAT, 0, count);
    return rows ? f : Samples.transposed(f);
  }

  /** Another view of the same storage. */
  Operand with(Layout layout) {
    return new Operand(new TensorView(view.dtype(), layout, view.segment()));
  }

  /**
   * A tensor of the same contents that may be written, so that a recorder can't compute ahead: over
   * the same memory if the engine's device is the host, else over a copy on the device.
   *
   * @param engine runs what is done with it
   * @return the tensor
   */
  public Tensor tensor(Engine engine) {
    DType d = view.dtype();
    long elements = view.segment().byteSize() / d.blockBytes() * d.blockLength();
    TensorSpec all = new TensorSpec(d, Shape.of(elements));
    Lifetime owner = new Lifetime("a conformance case");
    Storage storage;
    if (engine.device().equals(Device.CPU)) {
      storage = new Storage(view.segment(), all, Device.CPU, owner, true);
    } else {
      storage = engine.zeroed(all, owner, true);
      engine.home().upload(view.segment(), storage.segment());
    }
    return new Tensor(engine, d, view.layout(), storage);
  }
}
