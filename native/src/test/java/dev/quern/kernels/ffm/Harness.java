package dev.quern.kernels.ffm;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.util.Optional.of;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.Probe;
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
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;

/** Calls a kernel of a tier as an engine would: infer, signature, scratch, bind, run. */
final class Harness {
  private static final byte CANARY = 0x5a;
  private static final long MARGIN_BYTES = 256;

  private Harness() {}

  /** The tiers that this machine and build allow, each with its functions; skips without any. */
  static List<Functions> tiers() {
    NativeLibrary library = NativeLibrary.shared();
    assumeTrue(
        library.functions() != null,
        () -> "native kernels are skipped: " + ((Probe.Refused) library.probe()).reason());
    List<Functions> tiers = new ArrayList<>();
    for (Tier t : Tier.values()) {
      if (library.functions().tiers().contains(t)) {
        tiers.add(library.functions().capped(t));
      }
    }
    return tiers;
  }

  /** The functions up to a tier; skips where the machine or the build has it not. */
  static Functions tier(Tier tier) {
    Functions functions =
        tiers().stream().filter(f -> f.tiers().contains(tier)).findFirst().orElse(null);
    assumeTrue(functions != null, () -> "skipped: this machine has no " + tier.suffix());
    return Objects.requireNonNull(functions);
  }

  /** Normally distributed F32. */
  static TensorView floats(Random random, long... dims) {
    TensorView x = empty(ScalarType.F32, dims);
    for (long i = 0; i < x.shape().elements(); i++) {
      x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
    }
    return x;
  }

  /** Random stored elements of any format; blocks get scales of about 0.01. */
  static TensorView stored(Random random, DType type, long... dims) {
    if (type == ScalarType.F32) {
      return floats(random, dims);
    }
    TensorView x = empty(type, dims);
    MemorySegment s = x.segment();
    for (long i = 0; i < s.byteSize(); i++) {
      s.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    if (type == ScalarType.F16 || type == ScalarType.BF16) {
      for (long i = 0; i < x.shape().elements(); i++) {
        float v = (float) random.nextGaussian();
        short bits =
            type == ScalarType.F16
                ? Float.floatToFloat16(v)
                : (short) (Float.floatToRawIntBits(v) >>> 16);
        s.setAtIndex(ValueLayout.JAVA_SHORT, i, bits);
      }
    }
    if (type instanceof BlockType b) {
      short scale = Float.floatToFloat16(0.01f);
      for (String field : List.of("d", "m", "dmin")) {
        if (b.layout().memberLayouts().stream().noneMatch(l -> l.name().equals(of(field)))) {
          continue;
        }
        long offset = b.layout().byteOffset(groupElement(field));
        for (long at = offset; at < s.byteSize(); at += b.blockBytes()) {
          s.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, scale);
        }
      }
    }
    return x;
  }

  static TensorView ints(int... values) {
    TensorView x = empty(ScalarType.I32, values.length);
    MemorySegment.copy(values, 0, x.segment(), ValueLayout.JAVA_INT, 0, values.length);
    return x;
  }

  static TensorView empty(DType type, long... dims) {
    Shape shape = Shape.of(dims);
    long bytes = Math.max(1, type.bytes(shape.elements()));
    return new TensorView(type, Layout.contiguous(shape), Arena.ofAuto().allocate(bytes, 64));
  }

  static TensorView view(TensorView x, Layout layout) {
    return new TensorView(x.dtype(), layout, x.segment());
  }

  /**
   * The values of any format, widened to F64, in order; through the tested conversion for blocks.
   */
  static double[] values(TensorView x) {
    TensorView f = x;
    if (x.dtype() != ScalarType.F32 && x.dtype() != ScalarType.F64) {
      f =
          empty(
              ScalarType.F32,
              x.segment().byteSize() / x.dtype().blockBytes() * x.dtype().blockLength());
      Functions functions = Objects.requireNonNull(NativeLibrary.shared().functions());
      String symbol = "convert_" + Weights.symbol(x.dtype()) + "_f32";
      Calls.rows(
          functions.get(symbol).address(), x.segment(), 0, f.segment(), 0, 1, f.shape().elements());
    }
    Layout l = x.layout();
    double[] values = new double[Math.toIntExact(x.shape().elements())];
    long[] index = new long[x.shape().rank()];
    for (int i = 0; i < values.length; i++) {
      long at = l.offset();
      for (int a = 0; a < index.length; a++) {
        at += index[a] * l.stride(a);
      }
      values[i] =
          x.dtype() == ScalarType.F64
              ? f.segment().getAtIndex(ValueLayout.JAVA_DOUBLE, at)
              : f.segment().getAtIndex(ValueLayout.JAVA_FLOAT, at);
      for (int a = index.length - 1; a >= 0 && ++index[a] == x.shape().dim(a); a--) {
        index[a] = 0;
      }
    }
    return values;
  }

  static KernelSignature signature(
      Op op, List<TensorView> inputs, boolean residuals, Precision precision) {
    List<TensorSpec> specs = inputs.stream().map(TensorView::spec).toList();
    List<TensorSpec> results = new ArrayList<>(op.infer(specs));
    if (residuals) {
      results.addAll(op.residuals(specs));
    }
    return new KernelSignature(
        op,
        specs.stream().map(TensorSpec::dtype).toList(),
        inputs.stream().map(x -> LayoutClass.of(x.layout())).toList(),
        results.stream().map(TensorSpec::dtype).toList(),
        residuals,
        precision);
  }

  /**
   * Runs an operation and gives its results; they lie between canaries, which must survive. Runs it
   * with one thread and, bound once and run twice, with three: the same bits.
   */
  static List<TensorView> run(
      Functions functions, Op op, boolean residuals, Precision precision, List<TensorView> inputs) {
    KernelSignature signature = signature(op, inputs, residuals, precision);
    Kernel kernel = NativeKernels.find(functions, signature);
    assertNotNull(kernel, () -> "no kernel for " + signature);
    List<TensorView> results;
    try (TaskPool one = new TaskPool(1);
        TaskPool three = new TaskPool(3)) {
      results = run(kernel, op, residuals, precision, inputs, one, 1);
      List<TensorView> again = run(kernel, op, residuals, precision, inputs, three, 2);
      for (int i = 0; i < results.size(); i++) {
        assertEquals(
            -1,
            results.get(i).segment().mismatch(again.get(i).segment()),
            "bits of " + signature + " depend on the threads: " + kernel.name());
      }
    }
    return results;
  }

  private static List<TensorView> run(
      Kernel kernel,
      Op op,
      boolean residuals,
      Precision precision,
      List<TensorView> inputs,
      TaskPool pool,
      int times) {
    List<TensorSpec> specs = inputs.stream().map(TensorView::spec).toList();
    List<TensorSpec> wanted = new ArrayList<>(op.infer(specs));
    if (residuals) {
      wanted.addAll(op.residuals(specs));
    }
    List<MemorySegment> fenced = new ArrayList<>();
    List<TensorView> outputs = new ArrayList<>();
    for (TensorSpec s : wanted) {
      long bytes = s.dtype().bytes(s.shape().elements());
      MemorySegment whole = fenced(bytes);
      fenced.add(whole);
      outputs.add(
          new TensorView(
              s.dtype(), Layout.contiguous(s.shape()), whole.asSlice(MARGIN_BYTES, bytes)));
    }
    long scratchBytes = kernel.scratchBytes(inputs, outputs);
    MemorySegment scratch = fenced(scratchBytes);
    fenced.add(scratch);
    Runnable call =
        kernel.bind(
            new KernelArgs(
                op,
                inputs,
                outputs,
                precision,
                pool,
                scratchBytes == 0
                    ? MemorySegment.NULL
                    : scratch.asSlice(MARGIN_BYTES, scratchBytes)));
    for (int i = 0; i < times; i++) {
      call.run();
    }
    for (MemorySegment s : fenced) {
      for (long i = 0; i < MARGIN_BYTES; i++) {
        assertEquals(CANARY, s.get(ValueLayout.JAVA_BYTE, i), "written in front of a result");
        assertEquals(
            CANARY,
            s.get(ValueLayout.JAVA_BYTE, s.byteSize() - 1 - i),
            "written behind a result or scratch of " + kernel.name());
      }
    }
    return outputs;
  }

  private static MemorySegment fenced(long bytes) {
    MemorySegment s = Arena.ofAuto().allocate(bytes + 2 * MARGIN_BYTES, 64);
    s.fill(CANARY);
    return s;
  }

  /** Σ (a − b)² / Σ b². */
  static double nmse(double[] actual, double[] expected) {
    assertEquals(expected.length, actual.length);
    double error = 0;
    double size = 1e-300;
    for (int i = 0; i < actual.length; i++) {
      error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
      size += expected[i] * expected[i];
    }
    return error / size;
  }

  /** max |a − b| / max |b|; NaN where either has one. */
  static double maxError(double[] actual, double[] expected) {
    assertEquals(expected.length, actual.length);
    double error = 0;
    double size = 1e-300;
    for (int i = 0; i < actual.length; i++) {
      error = Math.max(error, Math.abs(actual[i] - expected[i]));
      size = Math.max(size, Math.abs(expected[i]));
    }
    return error / size;
  }
}
