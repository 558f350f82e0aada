package dev.quern.testkit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/** Makes operands: seeded values, with the awkward ones among them. */
public final class Samples {
  /** What is among the values. */
  public enum Mix {
    /** Normally distributed numbers only. */
    PLAIN,
    /** Also NaN, infinities, zeros of both signs, and denormals. */
    EDGES,
    /** Also the largest numbers there are. */
    HUGE
  }

  private static final double[] EDGES = {
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    1e-40,
    -6e-8,
    1e-20,
    Double.NaN,
    Double.POSITIVE_INFINITY,
    Double.NEGATIVE_INFINITY,
    1,
    -1
  };
  private static final int EDGE_EVERY = 13;

  private final SplittableRandom random;

  Samples(long seed) {
    random = new SplittableRandom(seed);
  }

  /** An operand of random values. */
  Operand of(DType dtype, LayoutKind kind, Mix mix, long... dims) {
    return of(dtype, kind, mix, 1, dims);
  }

  /** An operand of random values, floating point ones of a given standard deviation. */
  Operand of(DType dtype, LayoutKind kind, Mix mix, double deviation, long... dims) {
    Operand o = Operand.allocate(dtype, kind.layout(dtype, Shape.of(dims)));
    switch (dtype) {
      case BlockType b -> blocks(o, b, mix);
      case ScalarType s -> {
        long[] at = Values.positions(o.view().layout());
        for (long p : at) {
          Values.set(s, o.view().segment(), p, value(s, mix, deviation));
        }
      }
    }
    return o;
  }

  /** An operand of given values, repeated as often as needed. */
  Operand given(ScalarType dtype, LayoutKind kind, Shape shape, double... values) {
    Operand o = Operand.allocate(dtype, kind.layout(dtype, shape));
    long[] at = Values.positions(o.view().layout());
    for (int i = 0; i < at.length; i++) {
      Values.set(dtype, o.view().segment(), at[i], values[i % values.length]);
    }
    return o;
  }

  /** Integers from low up to, but not including, high. */
  Operand integers(ScalarType dtype, LayoutKind kind, Shape shape, long low, long high) {
    double[] v = new double[Math.toIntExact(Math.max(1, shape.elements()))];
    for (int i = 0; i < v.length; i++) {
      v[i] = (double) random.nextLong(low, high);
    }
    return given(dtype, kind, shape, v);
  }

  /** The operand with its last two axes swapped: the same memory. */
  static Operand transposed(Operand o) {
    Layout l = o.view().layout();
    int r = l.shape().rank();
    var axes = new java.util.ArrayList<Integer>();
    for (int a = 0; a < r; a++) {
      axes.add(a < r - 2 ? a : 2 * r - 3 - a);
    }
    return o.with(l.permute(axes));
  }

  private double value(ScalarType type, Mix mix, double deviation) {
    if (type == ScalarType.BOOL) {
      return random.nextInt(2);
    }
    if (!type.isFloating()) {
      return mix != Mix.PLAIN && random.nextInt(EDGE_EVERY) == 0
          ? random.nextBoolean() ? -Math.scalb(1.0, 8 * type.bytes() - 1) : 0
          : random.nextInt(-9, 10);
    }
    if (mix != Mix.PLAIN && random.nextInt(EDGE_EVERY) == 0) {
      if (mix == Mix.HUGE && random.nextInt(3) == 0) {
        double largest = type == ScalarType.F64 ? Double.MAX_VALUE : 3e38;
        return type == ScalarType.F16 ? 65504 : random.nextBoolean() ? largest : -largest;
      }
      return EDGES[random.nextInt(EDGES.length)];
    }
    // the sum of four uniforms is near enough to normal, and quick
    double g =
        random.nextDouble() + random.nextDouble() - random.nextDouble() - random.nextDouble();
    g *= deviation * Math.sqrt(3);
    return random.nextInt(4) == 0 ? g * 10 : g;
  }

  /** Random levels and scales; the F16 scales are moderate, or with edges also extreme. */
  private void blocks(Operand o, BlockType type, Mix mix) {
    MemorySegment s = o.view().segment();
    byte[] bytes = new byte[Math.toIntExact(s.byteSize())];
    random.nextBytes(bytes);
    MemorySegment.copy(bytes, 0, s, JAVA_BYTE, 0, bytes.length);
    long[] scales =
        type.layout().memberLayouts().stream()
            .map(l -> l.name().orElse(""))
            .filter(n -> n.equals("d") || n.equals("dmin"))
            .mapToLong(n -> type.layout().byteOffset(PathElement.groupElement(n)))
            .toArray();
    for (long b = 0; b < s.byteSize(); b += type.blockBytes()) {
      for (long field : scales) {
        s.set(JAVA_SHORT_UNALIGNED, b + field, scale(mix));
      }
    }
  }

  private short scale(Mix mix) {
    float plain = (float) (0.001 + 0.02 * random.nextDouble());
    float[] extreme = {0, -plain, 6e-8f, 1000, -5e-6f};
    boolean edge = mix != Mix.PLAIN && random.nextInt(4) == 0;
    return Float.floatToFloat16(edge ? extreme[random.nextInt(extreme.length)] : plain);
  }
}
