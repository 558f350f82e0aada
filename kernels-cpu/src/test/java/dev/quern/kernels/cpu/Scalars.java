package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Random operands, scalar reading of every format, and one way to run a kernel. */
final class Scalars {
  static final VectorProvider PROVIDER = new VectorProvider();

  private Scalars() {}

  /** A tensor without gaps, filled with numbers from a normal distribution. */
  static TensorView random(Random r, DType t, long... dims) {
    TensorView v = empty(t, dims);
    long n = v.shape().elements();
    if (t instanceof BlockType b) {
      MemorySegment s = v.segment();
      for (long i = 0; i < s.byteSize(); i++) {
        s.set(Segments.I8, i, (byte) r.nextInt());
      }
      for (long at = 0; at < s.byteSize(); at += b.blockBytes()) {
        long d = b == BlockType.Q6_K ? at + 208 : at;
        s.set(Segments.I16, d, Float.floatToFloat16(0.01f * r.nextFloat()));
        if (b == BlockType.Q4_K) {
          s.set(Segments.I16, at + 2, Float.floatToFloat16(0.01f * r.nextFloat()));
        }
      }
      return v;
    }
    for (long i = 0; i < n; i++) {
      set(v, i, r.nextGaussian());
    }
    return v;
  }

  static TensorView empty(DType t, long... dims) {
    Shape s = Shape.of(dims);
    MemorySegment m = Arena.ofAuto().allocate(Math.max(1, t.bytes(s.elements())), 64);
    return new TensorView(t, Layout.contiguous(s), m);
  }

  static void set(TensorView v, long i, double x) {
    MemorySegment s = v.segment();
    switch (v.dtype()) {
      case ScalarType.F32 -> s.set(Segments.F32, 4 * i, (float) x);
      case ScalarType.F64 -> s.set(Segments.F64, 8 * i, x);
      case ScalarType.F16 -> s.set(Segments.I16, 2 * i, Float.floatToFloat16((float) x));
      case ScalarType.BF16 ->
          s.set(Segments.I16, 2 * i, (short) (Float.floatToRawIntBits((float) x) >>> 16));
      case ScalarType.I32 -> s.set(Segments.I32, 4 * i, (int) x);
      case ScalarType.I64 -> s.set(Segments.I64, 8 * i, (long) x);
      case ScalarType.BOOL -> s.set(Segments.I8, i, (byte) (x > 0 ? 1 : 0));
      default -> throw new IllegalArgumentException(v.dtype().name());
    }
  }

  /** The element at an index. */
  static double get(TensorView v, long... index) {
    long at = v.layout().offset();
    for (int a = 0; a < index.length; a++) {
      at += index[a] * v.layout().stride(a);
    }
    return at(v.dtype(), v.segment(), at);
  }

  /** Element {@code i} of a tensor without gaps. */
  static double flat(TensorView v, long i) {
    return at(v.dtype(), v.segment(), v.layout().offset() + i);
  }

  /** All elements in order. */
  static double[] all(TensorView v) {
    double[] x = new double[Math.toIntExact(v.shape().elements())];
    long[] index = new long[v.shape().rank()];
    for (int i = 0; i < x.length; i++) {
      x[i] = get(v, index);
      for (int a = index.length - 1; a >= 0 && ++index[a] == v.shape().dim(a); a--) {
        index[a] = 0;
      }
    }
    return x;
  }

  static double at(DType t, MemorySegment s, long i) {
    return switch (t) {
      case ScalarType.F32 -> s.get(Segments.F32, 4 * i);
      case ScalarType.F64 -> s.get(Segments.F64, 8 * i);
      case ScalarType.F16 -> Float.float16ToFloat(s.get(Segments.I16, 2 * i));
      case ScalarType.BF16 -> Float.intBitsToFloat(s.get(Segments.I16, 2 * i) << 16);
      case ScalarType.I32 -> s.get(Segments.I32, 4 * i);
      case ScalarType.I64 -> s.get(Segments.I64, 8 * i);
      case ScalarType.BOOL -> s.get(Segments.I8, i);
      case BlockType b ->
          block(b, s, i / b.blockLength() * b.blockBytes(), (int) (i % b.blockLength()));
      default -> throw new IllegalArgumentException(t.name());
    };
  }

  private static double block(BlockType t, MemorySegment s, long b, int i) {
    return switch (t) {
      case Q8_0 -> half(s, b) * s.get(Segments.I8, b + 2 + i);
      case Q4_0 -> half(s, b) * (nibble(s, b + 2 + i % 16, i / 16) - 8);
      case Q4_K -> {
        int j = i / 32;
        int q = nibble(s, b + 16 + i / 64 * 32 + i % 32, j % 2);
        int[] u = new int[12];
        for (int n = 0; n < 12; n++) {
          u[n] = s.get(Segments.I8, b + 4 + n) & 255;
        }
        int sc = j < 4 ? u[j] & 63 : u[j + 4] % 16 + 16 * (u[j - 4] / 64);
        int m = j < 4 ? u[j + 4] & 63 : u[j + 4] / 16 + 16 * (u[j] / 64);
        yield half(s, b) * sc * q - half(s, b + 2) * m;
      }
      case Q6_K -> {
        int h = i / 128;
        int run = i % 128 / 32;
        int l = i % 32;
        int low = nibble(s, b + 64 * h + l + 32 * (run % 2), run / 2);
        int high = (s.get(Segments.I8, b + 128 + 32 * h + l) & 255) >> (2 * run) & 3;
        yield half(s, b + 208) * s.get(Segments.I8, b + 192 + i / 16) * (low + 16 * high - 32);
      }
      default -> throw new IllegalArgumentException(t.name());
    };
  }

  private static double half(MemorySegment s, long at) {
    return Float.float16ToFloat(s.get(Segments.I16, at));
  }

  private static int nibble(MemorySegment s, long at, int which) {
    return (s.get(Segments.I8, at) & 255) >> (4 * which) & 15;
  }

  static KernelSignature signature(Op op, List<TensorView> in, boolean residuals, Precision p) {
    List<TensorSpec> specs = in.stream().map(TensorView::spec).toList();
    List<DType> out = new ArrayList<>();
    op.infer(specs).forEach(s -> out.add(s.dtype()));
    if (residuals) {
      op.residuals(specs).forEach(s -> out.add(s.dtype()));
    }
    return new KernelSignature(
        op,
        in.stream().map(TensorView::dtype).toList(),
        in.stream().map(v -> LayoutClass.of(v.layout())).toList(),
        List.copyOf(out),
        residuals,
        p);
  }

  /** Runs an operation on a pool; null if there is no kernel. */
  static List<TensorView> run(TaskPool pool, Op op, boolean residuals, List<TensorView> in) {
    Kernel kernel = PROVIDER.find(signature(op, in, residuals, Precision.EXACT));
    if (kernel == null) {
      throw new AssertionError("no kernel for " + signature(op, in, residuals, Precision.EXACT));
    }
    List<TensorSpec> specs = in.stream().map(TensorView::spec).toList();
    List<TensorView> out = new ArrayList<>();
    op.infer(specs).forEach(s -> out.add(empty(s.dtype(), s.shape().dims())));
    if (residuals) {
      op.residuals(specs).forEach(s -> out.add(empty(s.dtype(), s.shape().dims())));
    }
    long bytes = kernel.scratchBytes(in, out);
    MemorySegment scratch =
        bytes == 0 ? MemorySegment.NULL : Arena.ofAuto().allocate(bytes, 64).fill((byte) -1);
    kernel.bind(new KernelArgs(op, in, out, Precision.EXACT, pool, scratch)).run();
    return out;
  }
}
