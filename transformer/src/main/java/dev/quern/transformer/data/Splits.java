package dev.quern.transformer.data;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.ToIntFunction;

/** Cuts data into training, validation and test parts. The same seed cuts the same way. */
public final class Splits {
  private static final int PARTS = 3;

  private Splits() {}

  /**
   * Cuts a corpus where it stands: the beginning is for training.
   *
   * @param tokens the corpus
   * @param ratio the shares
   * @return views
   */
  public static Split<TokenSequence> contiguous(TokenSequence tokens, SplitRatio ratio) {
    long train = ratio.trainEnd(tokens.size());
    long validation = ratio.validationEnd(tokens.size());
    return new Split<>(
        tokens.slice(0, train),
        tokens.slice(train, validation),
        tokens.slice(validation, tokens.size()));
  }

  /**
   * Cuts examples where they stand.
   *
   * @param data the examples
   * @param ratio the shares
   * @param <E> an example
   * @return views
   */
  public static <E> Split<Dataset<E>> contiguous(Dataset<E> data, SplitRatio ratio) {
    long train = ratio.trainEnd(data.size());
    long validation = ratio.validationEnd(data.size());
    return new Split<>(
        data.slice(0, train), data.slice(train, validation), data.slice(validation, data.size()));
  }

  /**
   * Deals examples out by chance, without a table.
   *
   * @param data the examples
   * @param ratio the shares
   * @param seed which chance
   * @param <E> an example
   * @return views, in shuffled order
   */
  public static <E> Split<Dataset<E>> random(Dataset<E> data, SplitRatio ratio, long seed) {
    Permutation order = Permutation.of(data.size(), seed);
    return contiguous(data.select(data.size(), order::apply), ratio);
  }

  /**
   * Deals examples out by chance so that each part has its share of each label, off by less than
   * one example per label and part. What shares leave over goes where most is owed so far, so that
   * the parts' sizes come out right as well and a label of one example is not always in the same
   * part.
   *
   * @param data the examples; all are read once, for their labels
   * @param label of an example
   * @param ratio the shares
   * @param seed which chance
   * @param <E> an example
   * @return views, in the order of the data
   * @throws DataException if there are 2³¹ examples or more
   */
  public static <E> Split<Dataset<E>> stratified(
      Dataset<E> data, ToIntFunction<? super E> label, SplitRatio ratio, long seed) {
    if (data.size() > Integer.MAX_VALUE) {
      throw new DataException(
          "[split] %d examples are too many to stratify; split them at random"
              .formatted(data.size()));
    }
    int size = (int) data.size();
    int[] labels = new int[size];
    Map<Integer, Integer> counts = new TreeMap<>();
    for (int i = 0; i < size; i++) {
      labels[i] = label.applyAsInt(data.get(i));
      counts.merge(labels[i], 1, Integer::sum);
    }
    double[] owed = new double[PARTS];
    Map<Integer, Deal> deals = new TreeMap<>();
    counts.forEach((l, n) -> deals.put(l, deal(n, ratio, owed, Chance.derive(seed, l))));
    byte[] parts = new byte[size];
    for (int i = 0; i < size; i++) {
      parts[i] = Objects.requireNonNull(deals.get(labels[i])).next();
    }
    return new Split<>(part(data, parts, 0), part(data, parts, 1), part(data, parts, 2));
  }

  /** The examples of one label, which are asked for in the order of the data. */
  private static final class Deal {
    private final Permutation order;
    private final int[] take;
    private int seen;

    Deal(Permutation order, int[] take) {
      this.order = order;
      this.take = take;
    }

    /** The part of the next example. */
    byte next() {
      long place = order.apply(seen++);
      return (byte) (place < take[0] ? 0 : place < (long) take[0] + take[1] ? 1 : 2);
    }
  }

  private static Deal deal(int count, SplitRatio ratio, double[] owed, long seed) {
    int[] take = new int[PARTS];
    boolean[] mayHaveMore = new boolean[PARTS];
    int left = count;
    for (int p = 0; p < PARTS; p++) {
      double due = count * ratio.share(p);
      take[p] = (int) Math.floor(due + 1e-9);
      mayHaveMore[p] = due - take[p] > 1e-9;
      owed[p] += due - take[p];
      left -= take[p];
    }
    for (; left > 0; left--) {
      int most = -1;
      for (int p = 0; p < PARTS; p++) {
        if (mayHaveMore[p] && (most < 0 || owed[p] > owed[most])) {
          most = p;
        }
      }
      mayHaveMore[most] = false;
      take[most]++;
      owed[most]--;
    }
    return new Deal(Permutation.of(count, seed), take);
  }

  private static <E> Dataset<E> part(Dataset<E> data, byte[] parts, int part) {
    int[] indices = new int[parts.length];
    int count = 0;
    for (int i = 0; i < parts.length; i++) {
      if (parts[i] == part) {
        indices[count++] = i;
      }
    }
    int[] chosen = Arrays.copyOf(indices, count);
    return data.select(count, i -> chosen[(int) i]);
  }
}
