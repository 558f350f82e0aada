package dev.quern.transformer.tokenizer;

import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a byte-level BPE vocabulary is to be like.
 *
 * @param vocabularySize tokens altogether: special ones, the 256 bytes, and merged ones; a text may
 *     not hold enough pairs to reach it
 * @param minFrequency a pair is merged only if it occurs this often, at least 1
 * @param specialTokens get the first ids, in this order
 * @param pattern cuts the text into pieces that no token crosses; null for GPT-2's
 */
public record BpeTrainingOptions(
    int vocabularySize, long minFrequency, List<String> specialTokens, @Nullable String pattern) {
  private static final int BYTES = 256;

  /**
   * Options.
   *
   * @throws TokenizerTrainingException if the vocabulary is too small for the bytes and special
   *     tokens, a special token is empty or there twice, the frequency is below 1, or the pattern
   *     is not understood
   */
  public BpeTrainingOptions {
    specialTokens = List.copyOf(specialTokens);
    int least = BYTES + specialTokens.size();
    if (vocabularySize < least) {
      throw new TokenizerTrainingException(
          "a vocabulary of "
              + vocabularySize
              + " tokens is too small: 256 bytes and "
              + specialTokens.size()
              + " special tokens need "
              + least);
    }
    if (minFrequency < 1) {
      throw new TokenizerTrainingException(
          "the least frequency is " + minFrequency + "; it is at least 1");
    }
    if (specialTokens.contains("") || new HashSet<>(specialTokens).size() < specialTokens.size()) {
      throw new TokenizerTrainingException(
          "special tokens are neither empty nor given twice: " + specialTokens);
    }
    if (pattern != null) {
      try {
        PatternProgram.compile(pattern);
      } catch (PatternSyntax e) {
        throw new TokenizerTrainingException("the pattern is not understood: " + e.getMessage(), e);
      }
    }
  }

  /**
   * GPT-2's pattern, pairs that occur at least twice, no special tokens.
   *
   * @param vocabularySize tokens altogether, at least 256
   * @return the options
   * @throws TokenizerTrainingException if it is smaller
   */
  public static BpeTrainingOptions ofSize(int vocabularySize) {
    return new BpeTrainingOptions(vocabularySize, 2, List.of(), null);
  }

  /**
   * The same with special tokens.
   *
   * @param tokens get the first ids, in this order
   * @return the options
   * @throws TokenizerTrainingException if they don't fit, or one is empty or there twice
   */
  public BpeTrainingOptions withSpecialTokens(String... tokens) {
    return new BpeTrainingOptions(vocabularySize, minFrequency, List.of(tokens), pattern);
  }
}
