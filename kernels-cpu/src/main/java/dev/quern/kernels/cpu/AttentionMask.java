package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.F32;
import static dev.quern.kernels.cpu.Segments.I8;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;

/** A mask that broadcasts to [b, h, tq, tk], read row by row as what is added to scores. */
final class AttentionMask {
  private final ScalarType type;
  private final MemorySegment segment;
  private final long start;
  private final long[] strides; // bytes along b, h, tq, tk

  AttentionMask(TensorView m, AttentionShape e) {
    type = (ScalarType) m.dtype();
    segment = Segments.of(m);
    start = Segments.start(m);
    Layout l = m.layout().expand(Shape.of(e.batch(), e.heads(), e.tq(), e.tk()));
    strides = l.strides();
    for (int a = 0; a < 4; a++) {
      strides[a] *= type.bytes();
    }
  }

  /** Keys j.. of a row: the mask's values, or 0 and −∞ for BOOL; then 0 up to whole vectors. */
  void load(int b, int h, int i, int j, int keys, MemorySegment d, long to) {
    long from = start + b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3];
    if (type == ScalarType.BOOL) {
      for (int k = 0; k < keys; k++) {
        byte visible = segment.get(I8, from + k * strides[3]);
        d.set(F32, to + 4L * k, visible != 0 ? 0 : Float.NEGATIVE_INFINITY);
      }
    } else {
      Convert.gather(type, segment, from, strides[3], d, to, keys);
    }
    Convert.fill(0, d, to + 4L * keys, AttentionShape.padded(keys) - keys);
  }
}
