package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.ScalarType;

/**
 * The elements of a storage as numbers, addressed by position: the index of an element in the
 * storage, as {@link Strided} computes it.
 *
 * <p>An object belongs to one thread: block types keep the block they read last.
 */
abstract class Elements {

  static Elements of(TensorView view) {
    return switch (view.dtype()) {
      case ScalarType t -> new ScalarElements(t, view.segment());
      case BlockType t -> new BlockElements(BlockCodecs.of(t), view.segment());
    };
  }

  /** The element, exactly (I64 beyond 2^53: rounded). */
  abstract double get(long position);

  /** The element of an integer type, or 0 and 1 for BOOL. */
  abstract long getLong(long position);

  /** Rounds once; integers truncate towards zero and saturate, NaN gives 0; BOOL is x ≠ 0. */
  abstract void set(long position, double x);

  /** Floats round once; narrower integers wrap around; BOOL is x ≠ 0. */
  abstract void setLong(long position, long x);

  /** Evenly spaced elements: {@code into[i] = element(position + i · stride)}. */
  final void read(long position, long stride, double[] into, int at, int count) {
    for (int i = 0; i < count; i++) {
      into[at + i] = get(position + i * stride);
    }
  }
}
