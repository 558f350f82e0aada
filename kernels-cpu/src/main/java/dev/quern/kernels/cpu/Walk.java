package dev.quern.kernels.cpu;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Shape;
import java.util.List;

/**
 * How several operands are walked together: the elements of a shape as runs along its innermost
 * axis, neighbouring axes merged where every operand allows it.
 */
final class Walk {
  /** Elements of a run. */
  final long inner;

  /** How many runs. */
  final long runs;

  private final long[] extents;
  private final long[][] stridesBytes;
  private final long[] innerBytes;
  private final long[] startBytes;

  /**
   * @param shape what is walked
   * @param operands each broadcasts to the shape; no block types
   */
  Walk(Shape shape, List<TensorView> operands) {
    int rank = shape.rank();
    int count = operands.size();
    long[][] all = new long[count][];
    startBytes = new long[count];
    for (int o = 0; o < count; o++) {
      TensorView v = operands.get(o);
      all[o] = v.layout().expand(shape).strides();
      startBytes[o] = Segments.start(v);
      for (int a = 0; a < rank; a++) {
        all[o][a] *= v.dtype().blockBytes();
      }
    }
    long[] e = new long[rank];
    long[][] s = new long[count][rank];
    int axes = 0;
    for (int a = 0; a < rank; a++) {
      if (shape.dim(a) == 1) {
        continue;
      }
      boolean merge = axes > 0;
      for (int o = 0; o < count && merge; o++) {
        merge = s[o][axes - 1] == all[o][a] * shape.dim(a);
      }
      axes = merge ? axes : axes + 1;
      e[axes - 1] = merge ? e[axes - 1] * shape.dim(a) : shape.dim(a);
      for (int o = 0; o < count; o++) {
        s[o][axes - 1] = all[o][a];
      }
    }
    inner = axes == 0 ? 1 : e[axes - 1];
    extents = new long[Math.max(0, axes - 1)];
    stridesBytes = new long[count][extents.length];
    innerBytes = new long[count];
    long n = 1;
    for (int a = 0; a < extents.length; a++) {
      extents[a] = e[a];
      n *= e[a];
    }
    for (int o = 0; o < count; o++) {
      System.arraycopy(s[o], 0, stridesBytes[o], 0, extents.length);
      innerBytes[o] = axes == 0 ? operands.get(o).dtype().blockBytes() : s[o][axes - 1];
    }
    runs = shape.elements() == 0 ? 0 : n;
  }

  /** Bytes between neighbours of a run. */
  long step(int operand) {
    return innerBytes[operand];
  }

  /** Where a run starts, in bytes from the operand's lowest element. */
  long at(int operand, long run) {
    long[] s = stridesBytes[operand];
    long at = startBytes[operand];
    long rest = run;
    for (int a = extents.length - 1; a > 0; a--) {
      long q = rest / extents[a];
      at += (rest - q * extents[a]) * s[a];
      rest = q;
    }
    return extents.length == 0 ? at : at + rest * s[0];
  }
}
