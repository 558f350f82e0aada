package dev.quern.transformer.tokenizer;

import java.util.HashMap;
import java.util.Map;

/**
 * Learns a byte-level BPE vocabulary (Sennrich, Haddow and Birch, "Neural machine translation of
 * rare words with subword units", 2016, algorithm 1; over bytes as Radford et al. 2019): the pair
 * of adjacent symbols that occurs most often becomes a symbol, again and again. Of pairs that occur
 * equally often, the one whose left symbol has the smaller id is merged, then the one whose right
 * symbol has.
 *
 * <p>Texts are cut into pieces first; memory grows with the number of different pieces. The order
 * of the texts does not matter. The merges are those of Hugging Face's {@code BpeTrainer} with a
 * {@code ByteLevel} pre-tokenizer without prefix space and with its alphabet as the initial one.
 *
 * {@snippet :
 * BpeTrainer trainer =
 *     new BpeTrainer(BpeTrainingOptions.ofSize(1024).withSpecialTokens("<|endoftext|>"));
 * trainer.add(text);
 * trainer.train().write(Path.of("tokenizer.json"));
 * }
 *
 * <p>For one thread.
 */
public final class BpeTrainer {
  private final BpeTrainingOptions options;
  private final PreTokenizer preTokenizer;
  private final Map<String, long[]> pieces = new HashMap<>();

  /**
   * A trainer that has seen no text.
   *
   * @param options what the vocabulary is to be like
   */
  public BpeTrainer(BpeTrainingOptions options) {
    this.options = options;
    String pattern = options.pattern();
    this.preTokenizer = PatternSplit.isolating(pattern == null ? JsonPreTokenizers.GPT2 : pattern);
  }

  /**
   * Counts the pieces of a text. No token will cross the end of a text.
   *
   * @param text any text; the spelling of special tokens is text like any other
   * @throws dev.quern.core.type.NotSupportedException if the pattern takes far more than linear
   *     time on it
   */
  public void add(String text) {
    char[] chars = text.toCharArray();
    preTokenizer.split(
        chars,
        0,
        chars.length,
        true,
        (c, from, to, first) ->
            pieces.computeIfAbsent(new String(c, from, to - from), p -> new long[1])[0]++);
  }

  /**
   * Learns from all texts so far; more may be added and learnt from afterwards.
   *
   * @return the vocabulary and its merges
   */
  public TrainedBpe train() {
    BpeTraining training = new BpeTraining(options);
    pieces.forEach((piece, count) -> training.word(ByteLevelAlphabet.encode(piece), count[0]));
    return training.run();
  }
}
