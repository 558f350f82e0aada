package dev.quern.transformer.train.run;

import dev.quern.transformer.data.AnswersOnly;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.BatchOrder;
import dev.quern.transformer.data.CausalLm;
import dev.quern.transformer.data.Chance;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.EpochBatches;
import dev.quern.transformer.data.LeakCheck;
import dev.quern.transformer.data.LengthBuckets;
import dev.quern.transformer.data.MaskedLm;
import dev.quern.transformer.data.Objective;
import dev.quern.transformer.data.OrderedWindows;
import dev.quern.transformer.data.PackedBatches;
import dev.quern.transformer.data.Packing;
import dev.quern.transformer.data.Padding;
import dev.quern.transformer.data.RandomWindows;
import dev.quern.transformer.data.Row;
import dev.quern.transformer.data.Sample;
import dev.quern.transformer.data.SequenceClassification;
import dev.quern.transformer.data.SequenceClassification.Labelled;
import dev.quern.transformer.data.Split;
import dev.quern.transformer.data.SplitRatio;
import dev.quern.transformer.data.Splits;
import dev.quern.transformer.data.TokenSequence;
import dev.quern.transformer.tokenizer.EncodeOptions;
import dev.quern.transformer.tokenizer.SpecialRole;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.tokenizer.Vocabulary;
import dev.quern.transformer.train.TrainingException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The batches of a run.
 *
 * @param train without end
 * @param validation in a known number; null if the split leaves none
 * @param test in a known number; null if the split leaves none
 * @param notices of examples that are left out or cut
 */
record RunData(
    Dataset<Batch> train,
    @Nullable Dataset<Batch> validation,
    @Nullable Dataset<Batch> test,
    List<String> notices) {

  /**
   * How examples become batches.
   *
   * @param ratio of the split
   * @param seed of the order, and of what an objective draws
   * @param size sequences in a batch
   * @param context longest sequence
   * @param buckets batches sorted by length together, 0 for none
   * @param packs whether several examples share a sequence when the model is trained
   */
  record Shape(SplitRatio ratio, long seed, int size, int context, int buckets, boolean packs) {}

  /** Windows of a corpus: each token from those before it. */
  static RunData corpus(TokenSequence tokens, Shape s) {
    Split<TokenSequence> split = Splits.contiguous(tokens, s.ratio);
    if (split.train().size() <= s.context) {
      throw new TrainingException(
          "[batch.context] is "
              + s.context
              + " tokens, and the training part has "
              + split.train().size()
              + ", which must be more; give more data, or a shorter context");
    }
    return new RunData(
        new RandomWindows(split.train(), s.context, s.size, s.seed),
        windows(split.validation(), s),
        windows(split.test(), s),
        List.of());
  }

  private static @Nullable Dataset<Batch> windows(TokenSequence tokens, Shape s) {
    return tokens.size() < 2 ? null : new OrderedWindows(tokens, s.context, s.size);
  }

  /** Windows of a corpus: hidden tokens from those around them. */
  static RunData maskedCorpus(
      TokenSequence tokens, Tokenizer tokenizer, Shape s, boolean wholeWords) {
    Split<TokenSequence> split = Splits.contiguous(tokens, s.ratio);
    Vocabulary v = tokenizer.vocabulary();
    int mask = need(v, SpecialRole.MASK);
    MaskedLm tokenWise = new MaskedLm(mask, v.size(), v::isControl);
    // Byte-level vocabularies spell a space before a word as \u0120, WordPiece marks what goes on.
    boolean pieces = v.id("##s") >= 0;
    MaskedLm objective =
        wholeWords
            ? tokenWise.withWholeWords(
                id -> pieces ? v.text(id).startsWith("##") : !v.text(id).startsWith("\u0120"))
            : tokenWise;
    return of(
        new Split<>(
            cut(split.train(), s.context),
            cut(split.validation(), s.context),
            cut(split.test(), s.context)),
        objective,
        need(v, SpecialRole.PAD),
        s,
        ids -> ids.length);
  }

  private static Dataset<int[]> cut(TokenSequence tokens, int length) {
    List<Long> starts = new ArrayList<>();
    for (long at = 0; at + length <= tokens.size(); at += length) {
      starts.add(at);
    }
    return Dataset.of(starts).map(at -> tokens.read(at, at + length));
  }

  /** A text in each row, blank ones left out: each token from those before it. */
  static RunData texts(Dataset<String> rows, Tokenizer tokenizer, Shape s, boolean checkLeaks) {
    int end = end(tokenizer);
    List<Long> written = new ArrayList<>();
    for (long i = 0; i < rows.size(); i++) {
      if (!rows.get(i).isBlank()) {
        written.add(i);
      }
    }
    Dataset<String> texts = rows.select(written.size(), i -> written.get(Math.toIntExact(i)));
    Split<Dataset<String>> split = Splits.random(texts, s.ratio, s.seed);
    check(split, text -> text, checkLeaks);
    return of(
        map(split, text -> ended(tokenizer.encode(text, EncodeOptions.ADD_SPECIAL), end)),
        new CausalLm(),
        Math.max(end, 0),
        s,
        ids -> ids.length - 1);
  }

  /** A question and an answer in each row: the answer from all before it. */
  static RunData answers(
      Dataset<Row> rows,
      String question,
      String answer,
      Tokenizer tokenizer,
      Shape s,
      boolean checkLeaks) {
    int end = end(tokenizer);
    Split<Dataset<Row>> split = Splits.random(rows, s.ratio, s.seed);
    check(split, row -> row.text(question) + "\n" + row.text(answer), checkLeaks);
    return of(
        map(
            split,
            row ->
                List.of(
                    new AnswersOnly.Turn(
                        tokenizer.encode(row.text(question), EncodeOptions.ADD_SPECIAL), false),
                    new AnswersOnly.Turn(ended(tokenizer.encode(row.text(answer)), end), true))),
        new AnswersOnly(),
        Math.max(end, 0),
        s,
        turns -> turns.stream().mapToInt(t -> t.ids().length).sum() - 1);
  }

  /** A text and its class in each row. */
  static RunData classes(
      Dataset<Row> rows,
      String text,
      String label,
      List<String> labels,
      Tokenizer tokenizer,
      Shape s,
      boolean checkLeaks) {
    if (new HashSet<>(labels).size() < labels.size()) {
      throw new TrainingException(
          "[objective.labels] are " + labels + ", one of them twice; name each class once");
    }
    Split<Dataset<Row>> split =
        Splits.stratified(rows, row -> label(row, label, labels), s.ratio, s.seed);
    check(split, row -> row.text(text), checkLeaks);
    return of(
        map(
            split,
            row ->
                new Labelled(
                    tokenizer.encode(row.text(text), EncodeOptions.ADD_SPECIAL),
                    label(row, label, labels))),
        new SequenceClassification(labels.size()),
        need(tokenizer.vocabulary(), SpecialRole.PAD),
        s,
        example -> example.ids().length);
  }

  private static int label(Row row, String field, List<String> labels) {
    String name = row.text(field);
    int index = labels.indexOf(name);
    if (index < 0) {
      throw new TrainingException(
          "[data] "
              + row
              + ": the label '"
              + name
              + "' is none of "
              + labels
              + "; name it in objective.labels");
    }
    return index;
  }

  private static <E> RunData of(
      Split<Dataset<E>> split,
      Objective<? super E> objective,
      int padId,
      Shape s,
      ToIntFunction<E> length) {
    Padding padding = new Padding(padId, 8, s.context);
    Lengths all = Lengths.of(List.of(split.train(), split.validation(), split.test()), length);
    Dataset<E> train = all.filled(0, split.train());
    Lengths lengths = all.filled();
    int[] own = lengths.parts().getFirst();
    if (own.length < s.size) {
      throw new TrainingException(
          "[batch.size] is "
              + s.size
              + ", and the training part has "
              + own.length
              + " examples; take smaller batches, or give more data");
    }
    return new RunData(
        s.packs
            ? packed(train, objective, padId, own, s)
            : new EpochBatches<>(train, objective, padding, order(own, s), s.seed),
        once(all.filled(1, split.validation()), objective, padding, s),
        once(all.filled(2, split.test()), objective, padding, s),
        Stream.of(all.emptyNotice(), lengths.notice(s.context)).filter(n -> !n.isEmpty()).toList());
  }

  private static BatchOrder order(int[] lengths, Shape s) {
    return s.buckets == 0
        ? BatchOrder.shuffled(lengths.length, s.size, s.seed)
        : new LengthBuckets(
            lengths.length,
            s.size,
            s.buckets,
            i -> Math.min(lengths[Math.toIntExact(i)], s.context),
            s.seed);
  }

  /** Rows that are filled with several examples, the same ones in each epoch. */
  private static <E> Dataset<Batch> packed(
      Dataset<E> train, Objective<? super E> objective, int padId, int[] lengths, Shape s) {
    Packing packing = new Packing(s.context, padId);
    Chance none = Chance.of(s.seed); // of which these objectives draw nothing
    Dataset<Sample> samples = train.map(e -> objective.prepare(e, none).cut(s.context));
    Dataset<List<Sample>> rows =
        packing.rows(samples, i -> Math.min(lengths[Math.toIntExact(i)], s.context));
    if (rows.size() < s.size) {
      throw new TrainingException(
          "[batch.size] is "
              + s.size
              + ", and all examples together fill "
              + rows.size()
              + " rows of batch.context; take smaller batches, or leave out batch.packing");
    }
    return new PackedBatches(rows, packing, BatchOrder.shuffled(rows.size(), s.size, s.seed));
  }

  /** All examples once, in their order, and with the same chance each time. */
  private static <E> @Nullable Dataset<Batch> once(
      Dataset<E> data, Objective<? super E> objective, Padding padding, Shape s) {
    if (data.size() == 0) {
      return null;
    }
    BatchOrder order = BatchOrder.inOrder(data.size(), s.size);
    return new EpochBatches<>(data, objective, padding, order, s.seed)
        .slice(0, order.batchesPerEpoch());
  }

  private static <A, B> Split<Dataset<B>> map(Split<Dataset<A>> split, Function<A, B> f) {
    return new Split<>(split.train().map(f), split.validation().map(f), split.test().map(f));
  }

  private static <E> void check(
      Split<Dataset<E>> split, Function<? super E, String> key, boolean wanted) {
    if (wanted) {
      LeakCheck.check(split, key).requireNone();
    }
  }

  private static int[] ended(int[] ids, int end) {
    if (end < 0) {
      return ids;
    }
    int[] more = java.util.Arrays.copyOf(ids, ids.length + 1);
    more[ids.length] = end;
    return more;
  }

  /** The token that ends a text, or −1 if there is none. */
  private static int end(Tokenizer tokenizer) {
    return tokenizer.vocabulary().id(SpecialRole.EOS);
  }

  private static int need(Vocabulary vocabulary, SpecialRole role) {
    int id = vocabulary.id(role);
    if (id < 0) {
      throw new TrainingException(
          "[data] the tokenizer has no token for the role "
              + role
              + ", which this objective needs; learn one with tokenizer.kind: bpe, or name it in"
              + " tokenizer_config.json");
    }
    return id;
  }
}
