package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Simd.F;
import static dev.quern.kernels.cpu.Simd.L;
import static dev.quern.kernels.cpu.Simd.LE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The exponentials of a softmax and their sum, with the bits of {@link VectorMath#exp}.
 *
 * <p>Written out, without a helper that takes or returns a vector. C2 gives each compilation 18,000
 * nodes for what it inlines; methods of the API are still inlined beyond that, because they are
 * annotated so, ours are not, and a vector that crosses a call is an object. Where this loop was
 * inlined in a step of attention, which of the helpers came too late was different in each process:
 * three objects for each head and 128 keys.
 */
final class ExpLoop {
  private ExpLoop() {}

  /** Σ e^(x − c), leaving the terms in y, which has room for whole vectors. */
  static float sum(MemorySegment s, long at, int n, float c, MemorySegment y, long to) {
    LineLoops.shift(s, at, n, -c, y, to);
    for (int i = n; i % L != 0; i++) {
      y.set(F32, to + 4L * i, Float.NEGATIVE_INFINITY);
    }
    return inPlace(y, to, n);
  }

  /** y = e^y, of whole vectors; the sum of all. */
  static float inPlace(MemorySegment y, long to, int n) {
    FloatVector sum = FloatVector.zero(F);
    FloatVector log2e = FloatVector.broadcast(F, VectorMath.LOG2_E);
    FloatVector round = FloatVector.broadcast(F, VectorMath.ROUND);
    FloatVector high = FloatVector.broadcast(F, -VectorMath.LN2_HIGH);
    FloatVector low = FloatVector.broadcast(F, -VectorMath.LN2_LOW);
    FloatVector p0 = FloatVector.broadcast(F, VectorMath.EXP_2);
    FloatVector p1 = FloatVector.broadcast(F, VectorMath.EXP_3);
    FloatVector p2 = FloatVector.broadcast(F, VectorMath.EXP_4);
    FloatVector p3 = FloatVector.broadcast(F, VectorMath.EXP_5);
    FloatVector p4 = FloatVector.broadcast(F, VectorMath.EXP_6);
    for (int i = 0; i < n; i += L) {
      FloatVector x = FloatVector.fromMemorySegment(F, y, to + 4L * i, LE);
      x = x.blend(VectorMath.EXP_LEAST, x.lt(VectorMath.EXP_LEAST));
      x = x.blend(VectorMath.EXP_MOST, x.compare(VectorOperators.GT, VectorMath.EXP_MOST));
      FloatVector t = x.fma(log2e, round);
      FloatVector m = t.sub(round);
      FloatVector r = m.fma(low, m.fma(high, x));
      FloatVector p = r.fma(p4, p3).fma(r, p2).fma(r, p1).fma(r, p0).fma(r.mul(r), r).add(1f);
      IntVector k = t.reinterpretAsInts().sub(VectorMath.ROUND_BITS);
      IntVector half = k.lanewise(VectorOperators.ASHR, 1);
      IntVector rest = k.sub(half);
      p = p.mul(half.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      p = p.mul(rest.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats());
      p.intoMemorySegment(y, to + 4L * i, LE);
      sum = sum.add(p);
    }
    if (L >= 16) {
      sum = sum.add(sum.rearrange(Simd.ROTATE8));
    }
    if (L >= 8) {
      sum = sum.add(sum.rearrange(Simd.ROTATE4));
    }
    if (L >= 4) {
      sum = sum.add(sum.rearrange(Simd.ROTATE2));
    }
    return sum.add(sum.rearrange(Simd.ROTATE1)).lane(0);
  }
}
