package dev.quern.transformer.data;

import java.util.Arrays;
import java.util.function.IntPredicate;

/**
 * Hidden tokens from those around them (Devlin et al., "BERT", 2019, section 3.1 and appendix A.1):
 * some are chosen; of these, eight in ten become the mask, one in ten another token of the
 * vocabulary, and one in ten stays. Only they have labels. Each epoch chooses anew (Liu et al.,
 * "RoBERTa", 2019, section 4.1).
 *
 * @param maskId the token that hides
 * @param vocabularySize ids from which other tokens are drawn
 * @param special ids that are never chosen, such as {@code [CLS]}, {@code [SEP]} and padding
 * @param continuesWord ids that belong to the word of the token before: words are chosen as a
 *     whole. To choose tokens on their own, {@code id -> false}
 * @param chosen the share of words that is chosen, 0 to 1; 0.15 is usual
 * @param masked the share of chosen tokens that become the mask; 0.8 is usual
 * @param replaced the share of chosen tokens that become another token; 0.1 is usual
 */
public record MaskedLm(
    int maskId,
    int vocabularySize,
    IntPredicate special,
    IntPredicate continuesWord,
    double chosen,
    double masked,
    double replaced)
    implements Objective<int[]> {
  /**
   * An objective.
   *
   * @throws DataException if a share is not in [0, 1], or the mask not in the vocabulary
   */
  public MaskedLm {
    boolean shares = chosen >= 0 && chosen <= 1 && masked >= 0 && replaced >= 0;
    if (!shares || !(masked + replaced <= 1 + 1e-9)) {
      throw new DataException(
          "[maskedLm] chosen=%s, masked=%s, replaced=%s; they are shares, the last two at most 1"
                  .formatted(chosen, masked, replaced)
              + " together");
    }
    if (maskId < 0 || maskId >= vocabularySize) {
      throw new DataException(
          "[maskedLm] the mask is %d, and the vocabulary has %d tokens; give one of them"
              .formatted(maskId, vocabularySize));
    }
  }

  /**
   * The usual shares: 0.15 of the tokens, each on its own; of these 0.8 masked and 0.1 replaced.
   *
   * @param maskId the token that hides
   * @param vocabularySize ids from which other tokens are drawn
   * @param special ids that are never chosen
   * @throws DataException if the mask is not in the vocabulary
   */
  public MaskedLm(int maskId, int vocabularySize, IntPredicate special) {
    this(maskId, vocabularySize, special, id -> false, 0.15, 0.8, 0.1);
  }

  /**
   * The same, but words are chosen as a whole.
   *
   * @param continues ids that belong to the word of the token before
   * @return another objective
   */
  public MaskedLm withWholeWords(IntPredicate continues) {
    return new MaskedLm(maskId, vocabularySize, special, continues, chosen, masked, replaced);
  }

  @Override
  public Sample prepare(int[] ids, Chance chance) {
    int[] inputs = ids.clone();
    int[] labels = new int[ids.length];
    Arrays.fill(labels, Batch.IGNORE);
    boolean hide = false;
    boolean inWord = false;
    for (int i = 0; i < ids.length; i++) {
      if (special.test(ids[i])) {
        inWord = false;
        continue;
      }
      if (!inWord || !continuesWord.test(ids[i])) {
        hide = chance.nextDouble() < chosen;
      }
      inWord = true;
      if (hide) {
        labels[i] = ids[i];
        inputs[i] = hidden(ids[i], chance);
      }
    }
    return Sample.ofTokens(inputs, labels);
  }

  private int hidden(int id, Chance chance) {
    double way = chance.nextDouble();
    if (way < masked) {
      return maskId;
    }
    return way < masked + replaced ? (int) chance.below(vocabularySize) : id;
  }
}
