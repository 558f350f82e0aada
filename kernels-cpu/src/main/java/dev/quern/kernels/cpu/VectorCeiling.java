package dev.quern.kernels.cpu;

import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;

/** The limits that Java can measure: reading, and multiply-adds. */
final class VectorCeiling implements CeilingLoop {
  private static final long PIECE = 1 << 16;
  private static final int STEPS = 1024;
  private static final int SUMS = 12;

  /** Where results go, so that they are needed. */
  @SuppressWarnings("unused")
  private static volatile int sink;

  private final Ceiling ceiling;

  private VectorCeiling(Ceiling ceiling) {
    this.ceiling = ceiling;
  }

  /** The loop, or null where the API has no access to the unit. */
  static @Nullable CeilingLoop of(Ceiling ceiling) {
    return switch (ceiling) {
      case MEMORY_READ, CACHE_READ, F32_FMA -> new VectorCeiling(ceiling);
      case INT8_DOT, BF16_DOT, BF16_TILES, BF16_TILES_CACHE, INT8_TILES, INT8_TILES_CACHE -> null;
    };
  }

  @Override
  public String name() {
    return "vector " + Simd.F.vectorBitSize() + " bits";
  }

  @Override
  public long run(MemorySegment memory, long rounds) {
    long work = 0;
    int result = 0;
    for (long r = 0; r < rounds; r++) {
      if (ceiling == Ceiling.F32_FMA) {
        result += Float.floatToRawIntBits(multiplyAdd(memory));
        work += (long) STEPS * SUMS * Simd.L * 2;
      } else {
        for (long at = 0; at < memory.byteSize(); at += PIECE) {
          result += sum(memory, at, Math.min(PIECE, memory.byteSize() - at));
        }
        work += memory.byteSize() / (4L * Simd.VB) * (4L * Simd.VB);
      }
    }
    sink = result;
    return work;
  }

  /** The sum of the ints in four streams side by side. */
  static int sum(MemorySegment x, long from, long bytes) {
    IntVector a = IntVector.zero(Simd.I);
    IntVector b = a;
    IntVector c = a;
    IntVector d = a;
    long stream = bytes / (4L * Simd.VB) * Simd.VB;
    for (long i = from; i < from + stream; i += Simd.VB) {
      a = a.add(IntVector.fromMemorySegment(Simd.I, x, i, Simd.LE));
      b = b.add(IntVector.fromMemorySegment(Simd.I, x, i + stream, Simd.LE));
      c = c.add(IntVector.fromMemorySegment(Simd.I, x, i + 2 * stream, Simd.LE));
      d = d.add(IntVector.fromMemorySegment(Simd.I, x, i + 3 * stream, Simd.LE));
    }
    return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
  }

  /** Twelve sums s = s · x₀ + x₁, from s = x₂ to x₁₃; their sum. */
  static float multiplyAdd(MemorySegment x) {
    FloatVector m = vector(x, 0);
    FloatVector n = vector(x, 1);
    FloatVector a = vector(x, 2);
    FloatVector b = vector(x, 3);
    FloatVector c = vector(x, 4);
    FloatVector d = vector(x, 5);
    FloatVector e = vector(x, 6);
    FloatVector f = vector(x, 7);
    FloatVector g = vector(x, 8);
    FloatVector h = vector(x, 9);
    FloatVector i = vector(x, 10);
    FloatVector j = vector(x, 11);
    FloatVector k = vector(x, 12);
    FloatVector l = vector(x, 13);
    for (int s = 0; s < STEPS; s++) {
      a = a.fma(m, n);
      b = b.fma(m, n);
      c = c.fma(m, n);
      d = d.fma(m, n);
      e = e.fma(m, n);
      f = f.fma(m, n);
      g = g.fma(m, n);
      h = h.fma(m, n);
      i = i.fma(m, n);
      j = j.fma(m, n);
      k = k.fma(m, n);
      l = l.fma(m, n);
    }
    a = a.add(b).add(c.add(d));
    e = e.add(f).add(g.add(h));
    i = i.add(j).add(k.add(l));
    return Simd.sum(a.add(e.add(i)));
  }

  private static FloatVector vector(MemorySegment x, int index) {
    return Simd.load(x, (long) index * Simd.VB);
  }
}
