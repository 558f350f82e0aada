package dev.quern.transformer.evaluate;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * What a language model makes of a text. Scores of parts of a text add up with {@link #plus}.
 *
 * <p>Perplexity depends on how a tokenizer cuts the text; bits per byte doesn't, so it compares
 * models with different vocabularies.
 *
 * @param negativeLogLikelihoodNats −Σ ln p(token | what is before it), over the scored tokens
 * @param tokens how many were scored
 * @param bytes UTF-8 bytes of the text that the scored tokens spell
 */
public record LanguageModelScore(double negativeLogLikelihoodNats, long tokens, long bytes) {
  /** No tokens yet. */
  public static final LanguageModelScore NONE = new LanguageModelScore(0, 0, 0);

  private static final double NATS_PER_BIT = StrictMath.log(2);

  /**
   * A score.
   *
   * @throws MetricException if a count is negative
   */
  public LanguageModelScore {
    if (tokens < 0 || bytes < 0) {
      throw new MetricException(
          "[languageModelScore] tokens=%d, bytes=%d; counts are not negative"
              .formatted(tokens, bytes));
    }
  }

  /**
   * Adds another part of the text.
   *
   * @param other its score
   * @return the sum
   */
  public LanguageModelScore plus(LanguageModelScore other) {
    return new LanguageModelScore(
        negativeLogLikelihoodNats + other.negativeLogLikelihoodNats,
        tokens + other.tokens,
        bytes + other.bytes);
  }

  /**
   * The sum of some parts, for {@link Bootstrap}.
   *
   * @param parts scores of windows or documents
   * @param drawn which of them; one that is named twice counts twice
   * @return their sum
   */
  public static LanguageModelScore sum(List<LanguageModelScore> parts, int[] drawn) {
    LanguageModelScore sum = NONE;
    for (int i : drawn) {
      sum = sum.plus(parts.get(i));
    }
    return sum;
  }

  /**
   * The mean loss: cross-entropy in nats per token.
   *
   * @return NaN without tokens
   */
  public double loss() {
    return negativeLogLikelihoodNats / tokens;
  }

  /**
   * exp of the mean loss (Jelinek, Mercer, Bahl and Baker, "Perplexity - a measure of the
   * difficulty of speech recognition tasks", 1977).
   *
   * @return at least 1 for a proper distribution; NaN without tokens
   */
  public double perplexity() {
    return StrictMath.exp(loss());
  }

  /**
   * The negative log-likelihood in bits over the bytes of the text.
   *
   * @return NaN without tokens and bytes; infinite without bytes alone
   */
  public double bitsPerByte() {
    return negativeLogLikelihoodNats / NATS_PER_BIT / bytes;
  }

  /**
   * The mean loss in bits.
   *
   * @return NaN without tokens
   */
  public double bitsPerToken() {
    return loss() / NATS_PER_BIT;
  }

  /**
   * A Markdown table of the four measures.
   *
   * @return lines that end in a line feed
   */
  public String toMarkdown() {
    return Text.table(
        List.of(
            List.of("loss (nats)", "perplexity", "bits per token", "bits per byte", "tokens"),
            List.of(
                Text.number(loss()),
                Text.number(perplexity()),
                Text.number(bitsPerToken()),
                Text.number(bitsPerByte()),
                Long.toString(tokens))));
  }

  /**
   * The measures as JSON: {@code loss}, {@code perplexity}, {@code bits_per_token}, {@code
   * bits_per_byte}, {@code tokens}, {@code bytes}; null for what is undefined.
   *
   * @return one line
   */
  public String toJson() {
    ObjectNode node = Text.object();
    Text.put(node, "loss", loss());
    Text.put(node, "perplexity", perplexity());
    Text.put(node, "bits_per_token", bitsPerToken());
    Text.put(node, "bits_per_byte", bitsPerByte());
    return node.put("tokens", tokens).put("bytes", bytes).toString();
  }

  @Override
  public String toString() {
    return toMarkdown();
  }
}
