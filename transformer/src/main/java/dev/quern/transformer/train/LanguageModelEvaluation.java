package dev.quern.transformer.train;

import dev.quern.core.op.Tensor;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.evaluate.Bootstrap;
import dev.quern.transformer.evaluate.ConfidenceInterval;
import dev.quern.transformer.evaluate.LanguageModelScore;
import dev.quern.transformer.train.log.EvaluationReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;

/**
 * Loss, perplexity and bits per byte of a language model, causal or masked: of all tokens that have
 * a label, each counted once.
 *
 * @param bytes of a token's text; 0 for special tokens. If no token has any, there are no bits per
 *     byte
 */
public record LanguageModelEvaluation(IntUnaryOperator bytes) implements Evaluation {
  /** Without bits per byte. */
  public LanguageModelEvaluation() {
    this(_ -> 0);
  }

  @Override
  public Tally begin() {
    return new ScoreTally(bytes);
  }

  /** Scores of batches, which are what is resampled. */
  private static final class ScoreTally implements Tally {
    private final IntUnaryOperator bytes;
    private final List<LanguageModelScore> scores = new ArrayList<>();

    ScoreTally(IntUnaryOperator bytes) {
      this.bytes = bytes;
    }

    @Override
    public void add(Batch batch, double loss, Map<String, Tensor> computed) {
      long tokens = 0;
      long byteCount = 0;
      for (int label : batch.field(Batch.LABELS).values()) {
        if (label != Batch.IGNORE) {
          tokens++;
          byteCount += bytes.applyAsInt(label);
        }
      }
      if (tokens > 0) {
        scores.add(new LanguageModelScore(loss * tokens, tokens, byteCount));
      }
    }

    private LanguageModelScore sum() {
      return scores.stream().reduce(LanguageModelScore.NONE, LanguageModelScore::plus);
    }

    @Override
    public EvaluationReport report(long step, String split) {
      LanguageModelScore all = sum();
      Map<String, Double> metrics = new LinkedHashMap<>();
      metrics.put("loss", all.loss());
      metrics.put("perplexity", all.perplexity());
      if (all.bytes() > 0) {
        metrics.put("bits_per_byte", all.bitsPerByte());
      }
      metrics.put("tokens", (double) all.tokens());
      return new EvaluationReport(step, split, metrics, null);
    }

    @Override
    public Map<String, ConfidenceInterval> intervals(Bootstrap bootstrap) {
      Map<String, ConfidenceInterval> all = new LinkedHashMap<>();
      int n = scores.size();
      all.put("loss", bootstrap.interval(n, drawn -> LanguageModelScore.sum(scores, drawn).loss()));
      all.put(
          "perplexity",
          bootstrap.interval(n, drawn -> LanguageModelScore.sum(scores, drawn).perplexity()));
      if (sum().bytes() > 0) {
        all.put(
            "bits_per_byte",
            bootstrap.interval(n, drawn -> LanguageModelScore.sum(scores, drawn).bitsPerByte()));
      }
      return all;
    }
  }
}
