package dev.quern.core.type;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;

/** Layouts and shapes against models that spell everything out. */
class ViewPropertiesTest {
  private static final String SEED = "20250101";

  /** A view as the list of its elements' places, last axis fastest. */
  private record Model(long[] dims, List<Long> places) {
    static Model of(Layout l) {
      Model all = new Model(l.shape().dims(), new ArrayList<>());
      for (long i = 0; i < l.shape().elements(); i++) {
        long[] index = all.index(i);
        long at = l.offset();
        for (int a = 0; a < index.length; a++) {
          at += index[a] * l.stride(a);
        }
        all.places.add(at);
      }
      return all;
    }

    long[] index(long element) {
      long[] index = new long[dims.length];
      long rest = element;
      for (int a = dims.length - 1; a >= 0; a--) {
        index[a] = rest % dims[a];
        rest /= dims[a];
      }
      return index;
    }

    long place(long... index) {
      long at = 0;
      for (int a = 0; a < dims.length; a++) {
        at = at * dims[a] + index[a];
      }
      return places.get((int) at);
    }

    /** The view of other extents whose element at an index is this one's at {@code from(index)}. */
    Model view(long[] to, UnaryOperator<long[]> from) {
      Model v = new Model(to, new ArrayList<>());
      for (long i = 0; i < Shape.of(to).elements(); i++) {
        v.places.add(place(from.apply(v.index(i))));
      }
      return v;
    }

    void check(Layout l) {
      assertEquals(Shape.of(dims), l.shape());
      assertEquals(places, of(l).places, l::toString);
    }
  }

  @Provide
  Arbitrary<List<Integer>> extents() {
    return Arbitraries.integers().between(0, 4).list().ofMaxSize(4);
  }

  private static Shape shape(List<Integer> extents) {
    return Shape.of(extents.stream().mapToLong(Integer::longValue).toArray());
  }

  @Property(tries = 500, seed = SEED)
  void chainsOfViewsShowTheRightElements(
      @ForAll("extents") List<Integer> extents, @ForAll @Size(max = 5) List<Long> choices) {
    Layout layout = Layout.contiguous(shape(extents));
    Model model = Model.of(layout);
    for (long choice : choices) {
      Random random = new Random(choice);
      switch (random.nextInt(4)) {
        case 0 -> {
          List<Integer> axes = new ArrayList<>();
          for (int a = 0; a < layout.shape().rank(); a++) {
            axes.add(a);
          }
          Collections.shuffle(axes, random);
          Layout l = layout;
          long[] to = axes.stream().mapToLong(a -> l.shape().dim(a)).toArray();
          model =
              model.view(
                  to,
                  i -> {
                    long[] from = new long[i.length];
                    for (int a = 0; a < i.length; a++) {
                      from[axes.get(a)] = i[a];
                    }
                    return from;
                  });
          layout = layout.permute(axes);
        }
        case 1 -> {
          if (layout.shape().rank() > 0) {
            int axis = random.nextInt(layout.shape().rank());
            int extent = (int) layout.shape().dim(axis);
            int start = extent == 0 ? 0 : random.nextInt(extent);
            int step = random.nextBoolean() ? 1 + random.nextInt(2) : -1 - random.nextInt(2);
            int room = step > 0 ? (extent - 1 - start) / step + 1 : start / -step + 1;
            int length = extent == 0 ? 0 : random.nextInt(room + 1);
            model =
                model.view(
                    layout.shape().with(axis, length).dims(),
                    i -> {
                      long[] from = i.clone();
                      from[axis] = start + i[axis] * step;
                      return from;
                    });
            layout = layout.slice(axis, start, length, step);
          }
        }
        case 2 -> {
          Shape to = layout.shape().insert(0, 1 + random.nextInt(3));
          for (int a = 1; a < to.rank(); a++) {
            to = to.dim(a) == 1 ? to.with(a, 1 + random.nextInt(3)) : to;
          }
          if (to.elements() < 500) {
            Shape before = layout.shape();
            model =
                model.view(
                    to.dims(),
                    i -> {
                      long[] from = Arrays.copyOfRange(i, 1, i.length);
                      for (int a = 0; a < from.length; a++) {
                        from[a] = before.dim(a) == 1 ? 0 : from[a];
                      }
                      return from;
                    });
            layout = layout.expand(to);
          }
        }
        default -> {
          int rank = layout.shape().rank();
          int first = rank < 2 ? 0 : random.nextInt(rank - 1);
          Shape to =
              rank < 2
                  ? Shape.of(layout.shape().elements(), 1)
                  : layout
                      .shape()
                      .remove(first)
                      .with(first, layout.shape().dim(first) * layout.shape().dim(first + 1));
          Layout merged = layout.reshape(to);
          if (merged != null) {
            model = new Model(to.dims(), model.places);
            layout = merged;
          }
        }
      }
      model.check(layout);
      assertEquals(
          layout.isContiguous(),
          consecutive(model.places),
          () -> "contiguous means that the places follow each other");
    }
  }

  private static boolean consecutive(List<Long> places) {
    for (int i = 1; i < places.size(); i++) {
      if (places.get(i) != places.getFirst() + i) {
        return false;
      }
    }
    return true;
  }

  @Property(tries = 500, seed = SEED)
  void broadcastingStretchesOnes(
      @ForAll("extents") List<Integer> extents, @ForAll @LongRange(min = 0) long choice) {
    Shape common = shape(extents);
    Random random = new Random(choice);
    Shape a = shrunk(common, random);
    Shape b = shrunk(common, random);
    Shape both = Shape.broadcast("test", a, b);
    assertEquals(both, Shape.broadcast("test", b, a));
    assertEquals(both, Shape.broadcast("test", both, a));
    assertEquals(both, Layout.contiguous(a).expand(both).shape());
    assertEquals(both, Layout.contiguous(b).expand(both).shape());
    for (int i = 1; i <= both.rank(); i++) {
      long x = i <= a.rank() ? a.dim(-i) : 1;
      long y = i <= b.rank() ? b.dim(-i) : 1;
      assertEquals(x == 1 ? y : x, both.dim(-i));
    }
    for (int axis = 0; axis < both.rank(); axis++) {
      if (both.dim(axis) != 1) {
        Shape other = both.with(axis, both.dim(axis) + 2);
        assertThrows(ShapeException.class, () -> Shape.broadcast("test", both, other));
        assertThrows(ShapeException.class, () -> Layout.contiguous(both).expand(other));
      }
    }
  }

  /** Some extents made 1, some leading axes left out. */
  private static Shape shrunk(Shape s, Random random) {
    Shape out = s.slice(random.nextInt(s.rank() + 1), s.rank());
    for (int a = 0; a < out.rank(); a++) {
      out = random.nextInt(3) == 0 ? out.with(a, 1) : out;
    }
    return out;
  }
}
