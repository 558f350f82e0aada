package dev.quern.transformer.decode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class SamplerTest {
  private static final float[] LOGITS = {1f, 3f, 2f, -1f, 3f, Float.NEGATIVE_INFINITY, 0f};
  private static final TokenHistory NONE = new TokenHistory();

  /** All tokens that a sampler chooses in many draws. */
  private static Set<Integer> drawn(SamplingOptions options) {
    Sampler s = Sampler.of(options);
    Set<Integer> seen = new TreeSet<>();
    for (int i = 0; i < 3000; i++) {
      seen.add(s.sample(LOGITS, NONE));
    }
    return seen;
  }

  @Test
  void greedyTakesTheFirstOfTheLikeliest() {
    Sampler s = Sampler.of(SamplingOptions.GREEDY);
    assertEquals(1, s.sample(LOGITS, NONE));
    assertEquals(2, s.sample(new float[] {Float.NaN, -5f, 0f}, NONE));
  }

  @Test
  void frequenciesFollowTheSoftmax() {
    Sampler s = Sampler.of(SamplingOptions.of(1, 7));
    int n = 40_000;
    int[] counts = new int[LOGITS.length];
    for (int i = 0; i < n; i++) {
      counts[s.sample(LOGITS, NONE)]++;
    }
    double sum = 0;
    for (float x : LOGITS) {
      sum += Math.exp(x);
    }
    for (int i = 0; i < LOGITS.length; i++) {
      assertEquals(Math.exp(LOGITS[i]) / sum, (double) counts[i] / n, 0.01, "token " + i);
    }
    assertEquals(0, counts[5]);
  }

  @Test
  void temperatureFlattensAndSharpens() {
    assertEquals(Set.of(1, 4), drawn(SamplingOptions.of(0.01, 3)));
    assertEquals(Set.of(0, 1, 2, 3, 4, 6), drawn(SamplingOptions.of(100, 3)));
  }

  @Test
  void topKKeepsTheLikeliestWithTiesById() {
    assertEquals(Set.of(1), drawn(SamplingOptions.of(100, 3).withCuts(1, 1, 0)));
    assertEquals(Set.of(1, 4, 2), drawn(SamplingOptions.of(100, 3).withCuts(3, 1, 0)));
    assertEquals(6, drawn(SamplingOptions.of(100, 3).withCuts(99, 1, 0)).size());
  }

  @Test
  void vocabulariesOfDifferentLengthsDontMix() {
    Sampler s = Sampler.of(SamplingOptions.of(1, 7).withCuts(900, 1, 0));
    float[] ascending = new float[1000];
    for (int i = 0; i < ascending.length; i++) {
      ascending[i] = i * 1e-3f;
    }
    float[] certain = new float[1000];
    certain[650] = 1000;
    s.sample(ascending, NONE);
    s.sample(new float[600], NONE);
    assertEquals(650, s.sample(certain, NONE));
  }

  @Test
  void topPKeepsTheTokenThatReachesP() {
    // Probabilities: tokens 1 and 4 have 0.386 each, 2 has 0.142, 0 has 0.052.
    assertEquals(Set.of(1), drawn(SamplingOptions.of(1, 3).withCuts(0, 0.38, 0)));
    assertEquals(Set.of(1, 4), drawn(SamplingOptions.of(1, 3).withCuts(0, 0.39, 0)));
    assertEquals(Set.of(1, 2, 4), drawn(SamplingOptions.of(1, 3).withCuts(0, 0.9, 0)));
  }

  @Test
  void minPKeepsTokensNearTheLikeliest() {
    // Relative to the likeliest: 2 has e⁻¹ = 0.368, 0 has e⁻² = 0.135.
    assertEquals(Set.of(1, 4), drawn(SamplingOptions.of(1, 3).withCuts(0, 1, 0.37)));
    assertEquals(Set.of(1, 2, 4), drawn(SamplingOptions.of(1, 3).withCuts(0, 1, 0.36)));
    assertEquals(Set.of(1, 4), drawn(SamplingOptions.of(1, 3).withCuts(0, 1, 1)));
  }

  @Test
  void repetitionPenaltyConcernsPromptAndOutputInItsWindow() {
    TokenHistory h = new TokenHistory(1, 4, 3);
    h.add(2);
    Candidates c = new Candidates(LOGITS);
    new SamplingStep.RepetitionPenalty(2, 0).apply(c, h);
    assertEquals(1.5, c.score(1));
    assertEquals(1.5, c.score(4));
    assertEquals(-2, c.score(3));
    assertEquals(1, c.score(2));
    assertEquals(1, c.score(0));
    Candidates latest = new Candidates(LOGITS);
    new SamplingStep.RepetitionPenalty(2, 2).apply(latest, h);
    assertEquals(3, latest.score(1));
    assertEquals(-2, latest.score(3));
    assertEquals(1, latest.score(2));
  }

  @Test
  void countPenaltiesConcernTheOutputOnly() {
    TokenHistory h = new TokenHistory(0, 0, 0);
    h.add(1);
    h.add(1);
    h.add(2);
    Candidates c = new Candidates(LOGITS);
    new SamplingStep.CountPenalty(0.5, 0.25).apply(c, h);
    assertEquals(1, c.score(0));
    assertEquals(3 - 2 * 0.5 - 0.25, c.score(1));
    assertEquals(2 - 0.5 - 0.25, c.score(2));
    Sampler s = Sampler.of(SamplingOptions.GREEDY.withPenalties(1, 0, 0.5, 0));
    assertEquals(4, s.sample(LOGITS, h));
  }

  @Test
  void biasForcesAndForbids() {
    assertEquals(
        6, Sampler.of(SamplingOptions.GREEDY.withBias(Map.of(6, 100.0))).sample(LOGITS, NONE));
    SamplingOptions forbid =
        SamplingOptions.of(1, 5).withBias(Map.of(1, Double.NEGATIVE_INFINITY, 4, -1e9));
    assertEquals(Set.of(0, 2, 3, 6), drawn(forbid));
    Sampler outside = Sampler.of(SamplingOptions.GREEDY.withBias(Map.of(7, 1.0)));
    var e = assertThrows(IllegalArgumentException.class, () -> outside.sample(LOGITS, NONE));
    assertTrue(e.getMessage().contains("token 7"), e.getMessage());
  }

  @Test
  void aSeedRepeatsItself() {
    int[][] runs = new int[3][50];
    long[] seeds = {11, 11, 12};
    for (int r = 0; r < 3; r++) {
      Sampler s = Sampler.of(SamplingOptions.of(1, seeds[r]));
      for (int i = 0; i < 50; i++) {
        runs[r][i] = s.sample(LOGITS, NONE);
      }
    }
    assertArrayEquals(runs[0], runs[1]);
    assertNotEquals(Arrays.toString(runs[0]), Arrays.toString(runs[2]));
  }

  @Test
  void logProbabilitiesAreTheModelsOwn() {
    LogProbabilities p = LogProbabilities.of(LOGITS, 2, 3);
    double sum = 0;
    for (float x : LOGITS) {
      sum += Math.exp(x);
    }
    assertEquals(2 - Math.log(sum), p.chosen(), 1e-12);
    assertEquals(List.of(1, 4, 2), p.top().stream().map(LogProbabilities.Entry::id).toList());
    assertEquals(3 - Math.log(sum), p.top().getFirst().logProbability(), 1e-12);
    assertEquals(7, LogProbabilities.of(LOGITS, 2, 100).top().size());
  }

  @Test
  void optionsOutOfRangeAreNamed() {
    SamplingOptions o = SamplingOptions.GREEDY;
    refused("topP", () -> o.withCuts(0, 0, 0));
    refused("topP", () -> o.withCuts(0, 1.1, 0));
    refused("topK", () -> o.withCuts(-1, 1, 0));
    refused("minP", () -> o.withCuts(0, 1, Double.NaN));
    refused("temperature", () -> SamplingOptions.of(-1, 0));
    refused("repetitionPenalty", () -> o.withPenalties(0, 0, 0, 0));
    refused("frequencyPenalty", () -> o.withPenalties(1, 0, Double.POSITIVE_INFINITY, 0));
    refused("logitBias", () -> o.withBias(Map.of(1, Double.POSITIVE_INFINITY)));
  }

  private static void refused(String name, Runnable what) {
    var e = assertThrows(IllegalArgumentException.class, what::run);
    assertTrue(e.getMessage().contains("'" + name + "'"), e.getMessage());
  }
}
