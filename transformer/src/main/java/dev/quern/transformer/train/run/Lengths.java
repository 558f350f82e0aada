package dev.quern.transformer.train.run;

import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.train.TrainingException;
import java.util.ArrayList;
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

  /** Those of the first part. */
  int[] first() {
    return parts.getFirst();
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
