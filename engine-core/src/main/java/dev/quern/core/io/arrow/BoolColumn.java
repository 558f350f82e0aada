package dev.quern.core.io.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.quern.core.memory.Storage;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Truth values. */
public final class BoolColumn extends ArrowColumn {
  private static final int ALIGNMENT = 64;

  private final ArrowBuffer bits;

  BoolColumn(Context context, @Nullable ArrowBuffer validity, ArrowBuffer bits) {
    super(context, validity);
    this.bits = bits;
  }

  /**
   * A row's value.
   *
   * @param row from 0
   * @return the value
   * @throws IndexException if there is no such row
   * @throws NotSupportedException if it is null
   */
  public boolean get(long row) {
    checkValue(row);
    return bits.bit(row);
  }

  @Override
  Storage storage(Shape shape) {
    checkNoNulls();
    MemorySegment unpacked = Arena.ofAuto().allocate(shape.elements(), ALIGNMENT);
    for (long i = 0; i < unpacked.byteSize(); i++) {
      unpacked.set(JAVA_BYTE, i, (byte) (bits.bit(i) ? 1 : 0));
    }
    return context().source().made(unpacked, new TensorSpec(ScalarType.BOOL, shape));
  }
}
