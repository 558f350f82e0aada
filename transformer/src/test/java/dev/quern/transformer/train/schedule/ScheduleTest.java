package dev.quern.transformer.train.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quern.transformer.Golden;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ScheduleTest {
  @Test
  void agreesWithTheData() {
    int cases = 0;
    for (JsonNode c : Golden.json(Golden.outside("training/schedules.json"))) {
      Schedule schedule = golden(c.path("kind").asText(), c.path("parameters"));
      cases++;
      for (int s = 0; s < c.path("steps").asInt(); s++) {
        String where = c.path("name").asText() + " at step " + s;
        double expected = c.path("lr").path(s).asDouble();
        assertEquals(expected, schedule.rate(s), 1e-15 + 1e-12 * expected, where);
        if (c.has("momentum")) {
          assertEquals(c.path("momentum").path(s).asDouble(), schedule.momentum(s), 1e-12, where);
        }
      }
    }
    assertTrue(cases > 0, "no cases");
  }

  private static Schedule golden(String kind, JsonNode p) {
    double base = p.path("base").asDouble();
    double floor = p.path("min_lr").asDouble();
    long warmup = p.path("warmup").asLong();
    double rest = p.path("total").asDouble() - warmup;
    return switch (kind) {
      case "warmup_cosine" ->
          Schedules.of(
              "cosine",
              Map.of(
                  "peak",
                  base,
                  "floor",
                  floor,
                  "warmup",
                  (double) warmup,
                  "steps",
                  p.path("total").asDouble(),
                  "cycles",
                  p.path("num_cycles").asDouble()));
      case "warmup_from_one_cosine" ->
          new Warmup(warmup, 0, 1, new Cosine(base, floor, (long) rest));
      case "warmup_linear" -> new Warmup(warmup, 0, new Linear(base, 0, (long) rest));
      case "linear" ->
          new Linear(
              base * p.path("start_factor").asDouble(),
              base * p.path("end_factor").asDouble(),
              p.path("total_iters").asLong());
      case "inverse_sqrt" ->
          Schedules.of(
              "inverse_sqrt",
              Map.of(
                  "peak",
                  base,
                  "warmup",
                  (double) warmup,
                  "warmup_from",
                  p.path("init_lr").asDouble()));
      case "noam" -> {
        double peak =
            p.path("factor").asDouble() / Math.sqrt(p.path("d_model").asDouble() * warmup);
        Schedule one = new Warmup(warmup, 0, new InverseSquareRoot(peak, warmup));
        yield step -> one.rate(step + 1);
      }
      case "step" ->
          new Exponential(base, p.path("gamma").asDouble(), p.path("step_size").asLong());
      case "exponential" -> new Exponential(base, p.path("gamma").asDouble(), 1);
      case "cosine" -> new Cosine(base, p.path("eta_min").asDouble(), p.path("T_max").asLong());
      case "one_cycle" ->
          new OneCycle(
              p.path("max_lr").asDouble(),
              p.path("total_steps").asLong(),
              p.path("pct_start").asDouble(),
              p.path("anneal_strategy").asText().equals("cos"),
              p.path("div_factor").asDouble(),
              p.path("final_div_factor").asDouble(),
              p.path("base_momentum").asDouble(),
              p.path("max_momentum").asDouble());
      default -> throw new AssertionError("no schedule for " + kind);
    };
  }

  @Test
  void ratesByHand() {
    Schedule cosine = new Warmup(4, 0, new Cosine(1, 0.2, 10));
    assertEquals(0, cosine.rate(0));
    assertEquals(0.5, cosine.rate(2));
    assertEquals(1, cosine.rate(4));
    assertEquals(0.6, cosine.rate(9), 1e-15);
    assertEquals(0.2, cosine.rate(14), 1e-15);
    assertEquals(0.2, cosine.rate(1_000_000), 1e-15);
    assertEquals(0.25, new Warmup(4, 0, 1, new Constant(1)).rate(0));
    assertEquals(1, new Warmup(4, 0, 1, new Constant(1)).rate(3));
    assertEquals(0.5, new InverseSquareRoot(1, 10).rate(30));
    assertEquals(0.25, new Linear(1, 0, 4).rate(3));
    assertEquals(0.01, new Exponential(1, 0.1, 5).rate(14), 1e-17);
    assertTrue(Double.isNaN(cosine.momentum(3)));
  }

  @Test
  void oneCycleTurnsAtThePeak() {
    OneCycle cycle = new OneCycle(1, 11, 6 / 11.0, false, 10, 100, 0.8, 0.9);
    assertEquals(0.1, cycle.rate(0), 1e-15);
    assertEquals(1, cycle.rate(5), 1e-15);
    assertEquals(0.8, cycle.momentum(5), 1e-15);
    assertEquals(0.001, cycle.rate(10), 1e-15);
    assertEquals(0.001, cycle.rate(99), 1e-15);
    assertEquals(0.9, cycle.momentum(99), 1e-15);
    assertEquals(1, new OneCycle(1, 2, 0.5, true, 10, 10, 0.8, 0.9).rate(0));
  }

  @Test
  void namesMakeTheSameSchedules() {
    assertEquals(
        new Warmup(3, 0.1, 1, new Linear(1, 0.5, 7)),
        Schedules.of(
            "linear",
            Map.of(
                "peak",
                1.0,
                "floor",
                0.5,
                "steps",
                10.0,
                "warmup",
                3.0,
                "warmup_from",
                0.1,
                "warmup_ahead",
                1.0)));
    assertEquals(new Constant(2), Schedules.of("constant", Map.of("peak", 2.0)));
    assertEquals(
        new OneCycle(2, 50), Schedules.of("one_cycle", Map.of("peak", 2.0, "steps", 50.0)));
    assertEquals(
        new Exponential(2, 0.5, 4),
        Schedules.of("exponential", Map.of("peak", 2.0, "factor", 0.5, "every", 4.0)));
  }

  @Test
  void mistakesAreNamed() {
    refused("there is no schedule 'cosin'", "cosin", Map.of("peak", 1.0));
    refused("there is no setting 'step'", "cosine", Map.of("peak", 1.0, "step", 1.0));
    refused("no setting 'warmup'", "one_cycle", Map.of("peak", 1.0, "steps", 9.0, "warmup", 1.0));
    refused("'steps' is missing", "linear", Map.of("peak", 1.0));
    refused("leaves none", "linear", Map.of("peak", 1.0, "steps", 5.0, "warmup", 5.0));
    refused("whole number", "linear", Map.of("peak", 1.0, "steps", 5.5));
    refused("whole number", "linear", Map.of("peak", 1.0, "steps", Double.NaN));
    refused("peak is -1.0", "constant", Map.of("peak", -1.0));
    assertThrows(ScheduleException.class, () -> new OneCycle(1, 10, 1.5, true, 1, 1, 0, 0));
    assertThrows(ScheduleException.class, () -> new Warmup(-1, 0, new Constant(1)));
  }

  private static void refused(String part, String name, Map<String, Double> settings) {
    ScheduleException e = assertThrows(ScheduleException.class, () -> Schedules.of(name, settings));
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }
}
