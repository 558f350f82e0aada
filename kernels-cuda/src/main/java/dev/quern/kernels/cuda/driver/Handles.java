package dev.quern.kernels.cuda.driver;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * JCuda's objects by number, from 1. Looking one up takes no lock and allocates nothing.
 *
 * @param <T> the kind of object
 */
final class Handles<T> {
  private final Deque<Integer> free = new ArrayDeque<>();
  private volatile @Nullable Object[] objects = new @Nullable Object[16];
  private int used;

  /** Keeps an object. */
  synchronized long add(T object) {
    Integer again = free.poll();
    int at = again == null ? used++ : again;
    @Nullable Object[] grown = at < objects.length ? objects : Arrays.copyOf(objects, 2 * at);
    grown[at] = object;
    objects = grown; // volatile: whoever has the number sees the object
    return at + 1L;
  }

  /** The object of a number. */
  @SuppressWarnings("unchecked")
  T get(long handle) {
    @Nullable Object[] all = objects;
    Object found = handle > 0 && handle <= all.length ? all[(int) handle - 1] : null;
    if (found == null) {
      throw new IllegalArgumentException("[cuda] handle " + handle + " is not, or no more, in use");
    }
    return (T) found;
  }

  /** Lets an object go; its number may be another's from now on. */
  synchronized T remove(long handle) {
    T object = get(handle);
    @Nullable Object[] all = objects;
    all[(int) handle - 1] = null;
    objects = all;
    free.add((int) handle - 1);
    return object;
  }
}
