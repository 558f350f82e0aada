package dev.quern.transformer.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * One run of {@link BpeTrainer}: counts of pairs are kept up to date as words change, and a queue
 * of candidates is put right only when one comes up whose count is no longer true. A merge so costs
 * what the words cost in which its pair stands.
 */
final class BpeTraining {
  private static final Comparator<Candidate> MOST_FREQUENT =
      Comparator.comparingLong((Candidate c) -> c.count).reversed().thenComparingLong(c -> c.pair);

  private final BpeTrainingOptions options;
  private final List<String> tokens = new ArrayList<>();
  private final Map<String, Integer> ids = new HashMap<>();
  private final List<Word> words = new ArrayList<>();
  private final Map<Long, Long> pairCounts = new HashMap<>();
  private final List<TrainedBpe.Merge> merges = new ArrayList<>();

  /** Where the pairs stand that the current merge has made. */
  private final Map<Long, IntList> made = new HashMap<>();

  /** A piece of text as symbols, which become fewer, and how often it occurs. */
  private static final class Word {
    private final int[] symbols;
    private final long count;
    private int length;

    Word(int[] symbols, long count) {
      this.symbols = symbols;
      this.count = count;
      this.length = symbols.length;
    }
  }

  /** A pair that may be merged next, in the words in which it stood when it became one. */
  private static final class Candidate {
    private final long pair;
    private final IntList places;
    private long count;

    Candidate(long pair, long count, IntList places) {
      this.pair = pair;
      this.count = count;
      this.places = places;
    }
  }

  BpeTraining(BpeTrainingOptions options) {
    this.options = options;
    options.specialTokens().forEach(this::token);
    // The printable characters that stand for bytes have their ids in the order of characters.
    for (char c = 0; c < 0x200; c++) {
      if (ByteLevelAlphabet.byteOf(c) >= 0) {
        token(String.valueOf(c));
      }
    }
  }

  /** The id of a token, which gets the next one if it is new. */
  private int token(String text) {
    return ids.computeIfAbsent(
        text,
        t -> {
          tokens.add(t);
          return tokens.size() - 1;
        });
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  /** Adds a word, spelled by {@link ByteLevelAlphabet}. */
  void word(String spelled, long count) {
    int[] symbols = new int[spelled.length()];
    for (int i = 0; i < symbols.length; i++) {
      symbols[i] = token(spelled.substring(i, i + 1));
    }
    words.add(new Word(symbols, count));
  }

  /** Merges until the vocabulary is full or no pair is frequent enough. */
  TrainedBpe run() {
    PriorityQueue<Candidate> queue = new PriorityQueue<>(MOST_FREQUENT);
    for (int w = 0; w < words.size(); w++) {
      int[] symbols = words.get(w).symbols;
      for (int i = 1; i < symbols.length; i++) {
        add(pair(symbols[i - 1], symbols[i]), w);
      }
    }
    enqueueMade(queue);
    while (tokens.size() < options.vocabularySize() && !queue.isEmpty()) {
      Candidate best = queue.remove();
      long now = pairCounts.getOrDefault(best.pair, 0L);
      if (best.count != now) {
        best.count = now;
        queue.add(best);
      } else if (now < options.minFrequency()) {
        break;
      } else {
        merge(best);
        enqueueMade(queue);
      }
    }
    return new TrainedBpe(tokens, merges, options.specialTokens(), options.pattern());
  }

  private void merge(Candidate best) {
    int left = (int) (best.pair >>> 32);
    int right = (int) best.pair;
    // Two pairs may spell the same token; the second one then leads to the first one's id.
    int result = token(tokens.get(left) + tokens.get(right));
    merges.add(new TrainedBpe.Merge(tokens.get(left), tokens.get(right)));
    for (int p = 0; p < best.places.size(); p++) {
      merge(best.places.get(p), left, right, result);
    }
  }

  /** Replaces a pair in a word, from left to right, and counts the neighbours' pairs anew. */
  private void merge(int index, int left, int right, int result) {
    Word word = words.get(index);
    int[] symbols = word.symbols;
    int length = word.length;
    int to = 0;
    int from = 0;
    while (from < length) {
      if (symbols[from] != left || from + 1 == length || symbols[from + 1] != right) {
        symbols[to++] = symbols[from++];
        continue;
      }
      if (to > 0) {
        remove(pair(symbols[to - 1], left), index);
        add(pair(symbols[to - 1], result), index);
      }
      from += 2;
      if (from < length) {
        remove(pair(right, symbols[from]), index);
        add(pair(result, symbols[from]), index);
      }
      symbols[to++] = result;
    }
    word.length = to;
  }

  private void remove(long pair, int word) {
    pairCounts.merge(pair, -words.get(word).count, Long::sum);
  }

  private void add(long pair, int word) {
    pairCounts.merge(pair, words.get(word).count, Long::sum);
    IntList places = made.computeIfAbsent(pair, p -> new IntList());
    if (places.size() == 0 || places.get(places.size() - 1) != word) {
      places.add(word);
    }
  }

  private void enqueueMade(PriorityQueue<Candidate> queue) {
    made.forEach(
        (pair, places) -> {
          long count = pairCounts.getOrDefault(pair, 0L);
          if (count > 0) {
            queue.add(new Candidate(pair, count, places));
          }
        });
    made.clear();
  }
}
