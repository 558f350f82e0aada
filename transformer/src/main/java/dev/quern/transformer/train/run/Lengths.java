package dev.quern.transformer.train.run;

import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.train.TrainingException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;

/**
 * How many tokens the model sees of each example, found once: reading and cutting a text into
 * tokens takes time, and both length buckets and a word about cut texts want to know.
 *
 * @param parts a length for each example of each part
 */
record Lengths(List<int[]> parts) {

  /** Measures all examples, several at a time. */
  static <E> Lengths of(List<Dataset<E>> parts, ToIntFunction<E> length) {
    List<int[]> all = new ArrayList<>();
    for (Dataset<E> part : parts) {
      if (part.size() > Integer.MAX_VALUE) {
        throw new TrainingException(
            "[data.files] there are "
                + part.size()
                + " texts in a part, and at most 2147483647 can be dealt with; give fewer, or a"
                + " token file");
      }
      all.add(
          IntStream.range(0, (int) part.size())
              .parallel()
              .map(i -> length.applyAsInt(part.get(i)))
              .toArray());
    }
    return new Lengths(all);
  }

  /** Those of examples that have tokens: of a single token, say, no next one can be learnt. */
  Lengths filled() {
    return new Lengths(
        parts.stream().map(p -> Arrays.stream(p).filter(n -> n > 0).toArray()).toList());
  }

  /**
   * The examples of {@link #filled()}.
   *
   * @param part index of the part
   * @param examples all of it
   */
  <E> Dataset<E> filled(int part, Dataset<E> examples) {
    int[] own = parts.get(part);
    int[] kept = IntStream.range(0, own.length).filter(i -> own[i] > 0).toArray();
    return kept.length == own.length
        ? examples
        : examples.select(kept.length, i -> kept[Math.toIntExact(i)]);
  }

  /** What to say of examples without tokens; "" if none is. */
  String emptyNotice() {
    long count = parts.stream().mapToLong(p -> p.length).sum();
    long empty = parts.stream().flatMapToInt(IntStream::of).filter(n -> n < 1).count();
    return empty == 0
        ? ""
        : "[data.files] %d of %d texts are too short to learn from, and left out"
            .formatted(empty, count);
  }

  /** What to say of examples that are longer than a context; "" if none is. */
  String notice(int context) {
    long count = parts.stream().mapToLong(p -> p.length).sum();
    long cut = parts.stream().flatMapToInt(IntStream::of).filter(n -> n > context).count();
    int longest = parts.stream().flatMapToInt(IntStream::of).max().orElse(0);
    return cut == 0
        ? ""
        : String.format(
            Locale.ROOT,
            "[batch.context] %d of %d texts (%.1f%%) are longer than %d tokens and lose their ends;"
                + " %d would take them all",
            cut,
            count,
            100.0 * cut / count,
            context,
            longest);
  }
}
