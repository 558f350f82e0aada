package dev.quern.transformer.data;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Shuffles what can only be read in order: holds some examples, gives out one of them by chance,
 * and reads the next one in its place. Examples move forward by at most {@code capacity - 1}
 * places. A {@link Dataset} is shuffled better, and without memory, by a {@link Permutation}.
 *
 * <p>To begin at a position it reads through all that was given out before, as the source itself
 * would have to.
 *
 * @param source what to shuffle
 * @param capacity examples held, at least 1
 * @param seed of the draws
 * @param <E> an example
 */
public record ShuffleBuffer<E>(ExampleSource<E> source, int capacity, long seed)
    implements ExampleSource<E> {
  /**
   * A buffer.
   *
   * @throws DataException if the capacity is below 1
   */
  public ShuffleBuffer {
    DataException.atLeast("shuffleBuffer", "capacity", capacity, 1);
  }

  @Override
  public ExampleStream<E> open(long position) {
    Reading<E> reading = new Reading<>(source.open(0), capacity, Chance.of(seed));
    try {
      while (reading.position < position && reading.next() != null) {
        // What was given out before has to be drawn again: it decides what is held now.
      }
      return reading;
    } catch (Throwable e) {
      reading.close();
      throw e;
    }
  }

  private static final class Reading<E> implements ExampleStream<E> {
    private final ExampleStream<E> examples;
    private final int capacity;
    private final Chance chance;
    private final List<E> held = new ArrayList<>();
    private long position;

    Reading(ExampleStream<E> examples, int capacity, Chance chance) {
      this.examples = examples;
      this.capacity = capacity;
      this.chance = chance;
    }

    @Override
    public @Nullable E next() {
      while (held.size() < capacity) {
        E example = examples.next();
        if (example == null) {
          break;
        }
        held.add(example);
      }
      if (held.isEmpty()) {
        return null;
      }
      position++;
      int place = (int) chance.below(held.size());
      E last = held.removeLast();
      return place == held.size() ? last : held.set(place, last);
    }

    @Override
    public long position() {
      return position;
    }

    @Override
    public void close() {
      examples.close();
    }
  }
}
