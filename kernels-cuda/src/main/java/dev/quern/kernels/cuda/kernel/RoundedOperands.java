package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Operands of one call that are rounded to BF16 in its working memory, each once, however many
 * products share it.
 */
final class RoundedOperands {
  private static final long ALIGNMENT = 256;

  private record Place(long address, Layout layout) {}

  private final ElementKernels elements;
  private final MemorySegment scratch;
  private long used;
  private final Map<Place, TensorView> rounded = new HashMap<>();
  private final Set<Long> written = new HashSet<>(); // addresses

  /**
   * Nothing is rounded yet.
   *
   * @param elements casts
   * @param scratch the call's working memory
   * @param from where in it there is room, a multiple of 256
   */
  RoundedOperands(ElementKernels elements, MemorySegment scratch, long from) {
    this.elements = elements;
    this.scratch = scratch;
    this.used = from;
  }

  /** Working memory that an operand takes. */
  static long bytes(TensorView x) {
    return x.dtype() == ScalarType.BF16 ? 0 : bytes(x.shape());
  }

  /** The same for one that isn't BF16. */
  static long bytes(Shape shape) {
    return Math.ceilDiv(shape.elements() * Short.BYTES, ALIGNMENT) * ALIGNMENT;
  }

  /**
   * Where an operand is when it is rounded: the operand itself if it is BF16. Last axes that have
   * changed places in memory stay so, if that is wanted.
   */
  TensorView of(TensorView x, boolean keepsOrder) {
    if (x.dtype() == ScalarType.BF16) {
      return x;
    }
    return rounded.computeIfAbsent(
        new Place(Launches.start(x), x.layout()),
        _ -> {
          boolean swapped = keepsOrder && isSwapped(x);
          Layout layout =
              swapped
                  ? swapped(Layout.contiguous(swapped(x.layout()).shape()))
                  : Layout.contiguous(x.shape());
          MemorySegment at = scratch.asSlice(used, x.shape().elements() * Short.BYTES);
          used += bytes(x.shape());
          return new TensorView(ScalarType.BF16, layout, at);
        });
  }

  /** Whether a view's rows lie together in memory, and not the elements of a row. */
  static boolean isSwapped(TensorView x) {
    return x.shape().rank() > 1 && x.layout().stride(-1) != 1 && x.layout().stride(-2) == 1;
  }

  /** Says that another call writes what {@link #of} said. */
  void writtenElsewhere(TensorView to) {
    written.add(Launches.start(to));
  }

  /** Writes what {@link #of} said of an operand, unless an earlier product of the call does. */
  Runnable write(TensorView x, TensorView to) {
    if (x.dtype() == ScalarType.BF16 || !written.add(Launches.start(to))) {
      return Launches.NOTHING;
    }
    boolean swapped = isSwapped(to);
    return elements.cast(swapped ? swapped(x) : x, swapped ? swapped(to) : to);
  }

  private static TensorView swapped(TensorView x) {
    return new TensorView(x.dtype(), swapped(x.layout()), x.segment());
  }

  private static Layout swapped(Layout layout) {
    List<Integer> axes = new ArrayList<>();
    for (int i = 0; i < layout.shape().rank(); i++) {
      axes.add(i);
    }
    Collections.swap(axes, axes.size() - 1, axes.size() - 2);
    return layout.permute(axes);
  }
}
