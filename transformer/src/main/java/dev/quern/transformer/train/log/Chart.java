package dev.quern.transformer.train.log;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A line chart over steps, as a figure of a page.
 *
 * <p>The curves are an SVG picture that is stretched to the room it gets, with strokes that keep
 * their width; the axes' labels are HTML on top of it. So text has the page's size on a telephone
 * too. A table of the points lies beside it for the page's script, which shows them where the mouse
 * points; without scripts nothing is missing but that.
 */
final class Chart {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final int Y_TICKS = 5;
  private static final int X_TICKS = 6;
  // The picture's own units, in both directions.
  private static final double SIZE = 1000;

  /** A line, with a band from the least to the greatest where there is one, and its points. */
  private static final class Series {
    final String name;
    final String style;
    final double[] x;
    final double[] y;
    final double @Nullable [] low;
    final double @Nullable [] high;

    Series(String name, String style, Curve.Points p) {
      this.name = name;
      this.style = style;
      x = p.steps;
      y = p.means;
      low = p.least;
      high = p.greatest;
    }

    Series(String name, String style, double[] x, double[] y) {
      this.name = name;
      this.style = style;
      this.x = x;
      this.y = y;
      low = null;
      high = null;
    }
  }

  private final String title;
  private final String id;
  private final Axis x;
  private final List<Series> all = new ArrayList<>();
  private boolean neverLogarithmic;

  /** A chart without curves; {@code id} is unique in its page. */
  Chart(String id, String title, double firstStep, double lastStep) {
    this.id = id;
    x = Axis.linear(firstStep, lastStep);
    this.title = title;
  }

  /** Says that equal differences must look equal, however far the values reach. */
  Chart linear() {
    neverLogarithmic = true;
    return this;
  }

  /** Adds a curve with its band; one without points is left out. */
  Chart line(String name, String style, Curve.Points p) {
    if (p.steps.length > 0) {
      all.add(new Series(name, style, p));
    }
    return this;
  }

  /** Adds points joined by a line; those that are not finite are left out. */
  Chart points(String name, String style, double[] x, double[] y) {
    double[][] finite = finite(x, y);
    if (finite[0].length > 0) {
      all.add(new Series(name, style, finite[0], finite[1]));
    }
    return this;
  }

  private static double[][] finite(double[] x, double[] y) {
    int[] kept = IntStream.range(0, y.length).filter(i -> Double.isFinite(y[i])).toArray();
    double[][] xy = new double[2][kept.length];
    for (int i = 0; i < kept.length; i++) {
      xy[0][i] = x[kept[i]];
      xy[1][i] = y[kept[i]];
    }
    return xy;
  }

  boolean isEmpty() {
    return all.isEmpty();
  }

  /** Writes the figure; nothing for a chart without curves. */
  void writeTo(Markup out, String style) {
    if (isEmpty()) {
      return;
    }
    Axis y = vertical();
    out.open("figure", "class", "chart " + style);
    out.open("figcaption").leaf("h3", title);
    if (y.isLogarithmic()) {
      out.leaf("span", "logarithmic scale", "class", "note");
    }
    if (all.size() > 1) {
      out.open("ul", "class", "legend");
      all.forEach(s -> out.leaf("li", s.name, "class", s.style));
      out.close();
    }
    out.close();
    out.open("div", "class", "plot", "id", id);
    picture(out, y);
    labels(out, y);
    out.raw("<script type=\"application/json\">").raw(data()).raw("</script>\n");
    out.close();
    out.close();
  }

  private interface Column {
    double[] of(Series series);
  }

  private double min(Column column) {
    return all.stream().flatMapToDouble(s -> Arrays.stream(column.of(s))).min().orElse(0);
  }

  private double max(Column column) {
    return all.stream().flatMapToDouble(s -> Arrays.stream(column.of(s))).max().orElse(1);
  }

  /** Bands may end at the edge; means and points may not. Few far outliers call for logarithms. */
  private Axis vertical() {
    double least = min(s -> s.y);
    double greatest = max(s -> s.y);
    double[] sorted = all.stream().flatMapToDouble(s -> DoubleStream.of(s.y)).sorted().toArray();
    boolean wide = least > 0 && greatest > 20 * sorted[sorted.length / 2];
    Axis axis =
        wide && !neverLogarithmic
            ? Axis.logarithmic(least, greatest)
            : Axis.linear(least, greatest);
    return axis.padded(0.06);
  }

  private void picture(Markup out, Axis y) {
    out.open(
        "svg",
        "viewBox",
        "0 0 1000 1000",
        "preserveAspectRatio",
        "none",
        "role",
        "img",
        "aria-labelledby",
        id + "-title " + id + "-desc");
    out.leaf("title", title + " by step", "id", id + "-title");
    out.leaf("desc", description(), "id", id + "-desc");
    for (double tick : y.ticks(Y_TICKS)) {
      String at = coordinate(1 - y.share(tick));
      out.leaf("path", "", "class", "grid", "d", "M0 " + at + "H1000");
    }
    for (Series s : all) {
      if (s.low != null && s.high != null && !Arrays.equals(s.low, s.high)) {
        String area = line(s.x, s.high, y) + back(s.x, s.low, y) + "Z";
        out.leaf("path", "", "class", "band " + s.style, "d", area);
      }
    }
    for (Series s : all) {
      out.leaf("path", "", "class", "line " + s.style, "d", line(s.x, s.y, y));
      if (s.low == null || s.x.length == 1) {
        out.leaf("path", "", "class", "points " + s.style, "d", dots(s, y));
      }
    }
    out.close();
  }

  private String line(double[] xs, double[] ys, Axis y) {
    StringBuilder d = new StringBuilder();
    for (int i = 0; i < xs.length; i++) {
      d.append(i == 0 ? 'M' : 'L').append(place(xs[i], ys[i], y));
    }
    return d.toString();
  }

  private String back(double[] xs, double[] ys, Axis y) {
    StringBuilder d = new StringBuilder();
    for (int i = xs.length - 1; i >= 0; i--) {
      d.append('L').append(place(xs[i], ys[i], y));
    }
    return d.toString();
  }

  /** Lines of no length with round ends, which stay round in a stretched picture. */
  private String dots(Series s, Axis y) {
    StringBuilder d = new StringBuilder();
    for (int i = 0; i < s.x.length; i++) {
      d.append('M').append(place(s.x[i], s.y[i], y)).append("h0");
    }
    return d.toString();
  }

  private String place(double px, double py, Axis y) {
    return coordinate(x.share(px)) + " " + coordinate(1 - y.share(py));
  }

  private static String coordinate(double share) {
    return String.format(Locale.ROOT, "%.1f", SIZE * Math.clamp(share, 0.0, 1.0));
  }

  private void labels(Markup out, Axis y) {
    out.open("div", "class", "y-labels", "aria-hidden", "true");
    for (double tick : y.ticks(Y_TICKS)) {
      out.leaf("span", y.label(tick, Y_TICKS), "style", "top:" + percent(1 - y.share(tick)));
    }
    out.close();
    out.open("div", "class", "x-labels", "aria-hidden", "true");
    for (double tick : x.ticks(X_TICKS)) {
      out.leaf("span", x.label(tick, X_TICKS), "style", "left:" + percent(x.share(tick)));
    }
    out.close();
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.2f%%", 100 * share);
  }

  /** What the picture says, for those who can't see it. */
  private String description() {
    StringBuilder text = new StringBuilder();
    for (Series s : all) {
      int n = s.y.length;
      int best = 0;
      for (int i = 1; i < n; i++) {
        best = s.y[i] < s.y[best] ? i : best;
      }
      text.append(
          String.format(
              Locale.ROOT,
              "%s: from %s at step %.0f to %s at step %.0f; least %s at step %.0f. ",
              s.name,
              Units.figure(s.y[0]),
              s.x[0],
              Units.figure(s.y[n - 1]),
              s.x[n - 1],
              Units.figure(s.y[best]),
              s.x[best]));
    }
    return text.toString().strip();
  }

  /** The points for the script, as JSON that can't end its element. */
  private String data() {
    ObjectNode data = MAPPER.createObjectNode();
    data.put("from", x.least()).put("to", x.greatest());
    ArrayNode series = data.putArray("series");
    for (Series s : all) {
      ObjectNode one = series.addObject().put("name", s.name).put("style", s.style);
      ArrayNode xs = one.putArray("x");
      ArrayNode ys = one.putArray("y");
      for (int i = 0; i < s.x.length; i++) {
        xs.add(Math.round(s.x[i]));
        ys.add(Units.figure(s.y[i]));
      }
    }
    return data.toString().replace("<", "\\u003c");
  }
}
