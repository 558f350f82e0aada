package dev.quern.transformer.decode;

import java.lang.foreign.MemorySegment;

/**
 * The index of the largest of many floats; the first among equals, never a NaN unless there is
 * nothing else. For one thread; allocates nothing.
 *
 * <p>Floats are compared as ints in the same order, in blocks that stay in the first-level cache: a
 * maximum of ints is something that the JIT compiler makes vectors of, and one of floats, where a
 * NaN must lose, is not.
 */
final class ArgMax {
  private static final int BLOCK = 4096;
  private static final int INFINITE = 0x7f80_0000;

  private final int[] block = new int[BLOCK];
  private final MemorySegment memory = MemorySegment.ofArray(block);

  /** The index; x: (n) F32, n at least 1. */
  int of(MemorySegment x) {
    long best = 0;
    int most = Integer.MIN_VALUE;
    for (long at = 0; at < x.byteSize(); at += memory.byteSize()) {
      int key = largest(block, load(x, at));
      if (key > most) {
        most = key;
        best = at;
      }
    }
    load(x, best);
    int i = 0;
    while (key(block[i]) != most) {
      i++;
    }
    return (int) (best / Float.BYTES) + i;
  }

  private int load(MemorySegment x, long at) {
    long bytes = Math.min(memory.byteSize(), x.byteSize() - at);
    MemorySegment.copy(x, at, memory, 0, bytes);
    return (int) (bytes / Float.BYTES);
  }

  private static int largest(int[] floats, int n) {
    int most = Integer.MIN_VALUE;
    for (int i = 0; i < n; i++) {
      most = Math.max(most, key(floats[i]));
    }
    return most;
  }

  /** Ordered as the floats; both zeros are 0, a NaN is least. No branches, for vectors. */
  private static int key(int bits) {
    int sign = bits >> 31;
    int magnitude = bits & Integer.MAX_VALUE;
    int number = (magnitude - INFINITE - 1) >> 31; // all bits set, or none for a NaN
    return (((magnitude ^ sign) - sign) & number) | (Integer.MIN_VALUE & ~number);
  }
}
