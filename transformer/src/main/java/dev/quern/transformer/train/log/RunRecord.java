package dev.quern.transformer.train.log;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a report needs to know of a run, gathered while it goes on, in bounded memory per step. */
final class RunRecord {
  /** Longer texts are cut: a report is for reading. */
  private static final int MOST_CHARACTERS = 20_000;

  final RunStart start;
  final Curve loss = new Curve();
  final Curve rate = new Curve();
  final Curve gradientNorm = new Curve();
  final Curve speed = new Curve();
  final Curve memory = new Curve();
  final List<EvaluationReport> evaluations = new ArrayList<>();
  final Map<String, String> texts = new LinkedHashMap<>();

  long lastStep;
  private long firstStep;
  long tokens;
  long nanos;
  long peakBytes;
  @Nullable RunEnd end;

  RunRecord(RunStart start) {
    this.start = start;
    lastStep = start.firstStep() - 1;
    firstStep = start.firstStep();
  }

  void step(StepReport step) {
    lastStep = step.step();
    firstStep = Math.min(firstStep, lastStep);
    tokens += step.tokens();
    nanos += step.durationNanos();
    peakBytes = Math.max(peakBytes, step.memoryBytes());
    loss.add(step.step(), step.loss());
    rate.add(step.step(), step.rate());
    gradientNorm.add(step.step(), step.gradientNorm());
    speed.add(step.step(), step.tokensPerSecond());
    memory.add(step.step(), (double) step.memoryBytes());
  }

  void evaluated(EvaluationReport evaluation) {
    evaluations.add(evaluation);
    lastStep = Math.max(lastStep, evaluation.step());
    firstStep = Math.min(firstStep, evaluation.step());
  }

  /** The first step of which anything is known. */
  long firstStep() {
    return firstStep;
  }

  /** Keeps the last text of each tag. */
  void text(String tag, String text) {
    int end = Math.min(text.length(), MOST_CHARACTERS);
    texts.remove(tag);
    texts.put(tag, end < text.length() ? text.substring(0, end) + "..." : text);
  }

  /** The evaluation with the least loss of a split; null if none has a finite one. */
  @Nullable EvaluationReport best(String split) {
    EvaluationReport best = null;
    for (EvaluationReport e : evaluations) {
      double loss = e.metrics().getOrDefault("loss", Double.NaN);
      if (e.split().equals(split)
          && Double.isFinite(loss)
          && (best == null || loss < best.metrics().getOrDefault("loss", Double.NaN))) {
        best = e;
      }
    }
    return best;
  }

  /** The splits evaluated, in the order they came. */
  List<String> splits() {
    return evaluations.stream().map(EvaluationReport::split).distinct().toList();
  }
}
