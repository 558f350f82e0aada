package dev.quern.transformer.train.log;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class CurveTest {
  @Test
  void keepsEveryPointOfAShortRun() {
    Curve curve = new Curve();
    for (int s = 5; s < 5 + Curve.BUCKETS; s++) {
      curve.add(s, s * 0.5);
    }
    Curve.Points p = curve.points();
    assertEquals(Curve.BUCKETS, p.steps.length);
    assertEquals(5, p.steps[0]);
    assertEquals(2.5, p.means[0]);
    assertArrayEquals(p.means, p.least);
    assertArrayEquals(p.means, p.greatest);
  }

  @Test
  void keepsMeansAndExtremesOfALongRun() {
    Curve curve = new Curve();
    int steps = 100_000;
    for (int s = 1; s <= steps; s++) {
      curve.add(s, s == 77_777 ? 1000 : s == 33_333 ? -1000 : s % 10);
    }
    Curve.Points p = curve.points();
    assertTrue(p.steps.length > Curve.BUCKETS / 4 && p.steps.length <= Curve.BUCKETS);
    assertEquals(1000, DoubleStream.of(p.greatest).max().orElseThrow());
    assertEquals(-1000, DoubleStream.of(p.least).min().orElseThrow());
    for (int i = 0; i < p.steps.length; i++) {
      assertEquals(4.5, p.means[i], 5.1, "around step " + p.steps[i]);
      assertTrue(i == 0 || p.steps[i] > p.steps[i - 1]);
    }
  }

  @Test
  void countsWhatIsNotFinite() {
    Curve curve = new Curve();
    curve.add(1, Double.NaN);
    curve.add(2, 1);
    curve.add(3, Double.POSITIVE_INFINITY);
    assertEquals(2, curve.notFinite());
    assertEquals(Double.POSITIVE_INFINITY, curve.last());
    assertArrayEquals(new double[] {2}, curve.points().steps);
    assertEquals(0, new Curve().points().steps.length);
  }

  @Test
  void axesHaveRoundTicks() {
    assertEquals(List.of("500", "1000", "1500", "2000"), labels(Axis.linear(1, 2000), 6, 0, 2000));
    assertEquals(List.of("0", "50k", "100k"), labels(Axis.linear(0, 120_000), 3, 0, 120_000));
    assertEquals(List.of("1.5", "2.0", "2.5"), labels(Axis.linear(1.3, 2.7), 3, 1.3, 2.7));
    assertEquals(List.of("0.1", "1", "10", "100"), labels(Axis.logarithmic(0.1, 200), 5, 0.1, 200));
    assertEquals(List.of("1e-5", "2e-5"), labels(Axis.linear(5e-6, 2.2e-5), 2, 5e-6, 2.2e-5));
    assertEquals(
        List.of("10000", "10050", "10100"), labels(Axis.linear(10_000, 10_100), 2, 1e4, 10_100));
  }

  private static List<String> labels(Axis axis, int about, double from, double to) {
    return axis.ticks(about).stream()
        .peek(t -> assertTrue(t >= from - 1e-9 && t <= to + 1e-9, "tick " + t))
        .map(t -> axis.label(t, about))
        .toList();
  }

  @Test
  void axesOfOneValueHaveRoom() {
    for (double value : new double[] {0, 3, -2, 1e-30, 1e30}) {
      Axis axis = Axis.linear(value, value).padded(0.06);
      assertTrue(axis.least() < axis.greatest());
      assertTrue(axis.share(value) >= 0 && axis.share(value) <= 1);
      assertTrue(axis.ticks(5).size() < 20);
    }
    assertEquals(0.5, Axis.logarithmic(4, 4).share(4), 1e-12);
  }
}
