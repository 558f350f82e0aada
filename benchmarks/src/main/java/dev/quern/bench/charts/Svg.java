package dev.quern.bench.charts;

import java.io.StringWriter;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/**
 * Draws a chart: horizontal bars from 0, a line at 1 where both are equally fast, whiskers for
 * intervals. Its colours follow the reader's scheme, light or dark, on the page's own background.
 */
final class Svg {
  private static final int LABELS = 250;
  private static final int WIDTH = 800;
  private static final int RIGHT = 60;
  private static final int BAR = 13;
  private static final int GAP = 9;
  private static final int TOP = 62;
  private static final String STYLE =
      """
      text { font: 12px sans-serif; fill: #24292f }
      .title { font-weight: bold; font-size: 14px }
      .grid { stroke: #d0d7de } .one { stroke: #24292f; stroke-width: 1.5 }
      .whisker { stroke: #24292f }
      .s0 { fill: #3b7dd8 } .s1 { fill: #d9822b } .s2 { fill: #5a9e6f }
      @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3 } .grid { stroke: #3d444d }
        .one, .whisker { stroke: #e6edf3 }
        .s0 { fill: #539bf5 } .s1 { fill: #e0975a } .s2 { fill: #6bc46d }
      }
      """;

  private final StringWriter out = new StringWriter();
  private final XMLStreamWriter xml;
  private final RatioChart chart;
  private final double most;

  private Svg(RatioChart chart) throws XMLStreamException {
    this.chart = chart;
    this.xml = XMLOutputFactory.newFactory().createXMLStreamWriter(out);
    double largest =
        chart.bars().stream()
            .flatMapToDouble(
                b ->
                    DoubleStream.concat(
                        b.values().stream().mapToDouble(v -> v), DoubleStream.of(b.high())))
            .filter(v -> !Double.isNaN(v))
            .max()
            .orElse(1);
    this.most = Math.max(1.2, largest);
  }

  /**
   * Draws.
   *
   * @param chart what
   * @return the file's text
   */
  static String draw(RatioChart chart) {
    try {
      Svg svg = new Svg(chart);
      svg.write();
      return svg.out + "\n";
    } catch (XMLStreamException e) {
      throw new IllegalStateException("a text can't fail to be written", e);
    }
  }

  private void write() throws XMLStreamException {
    int row = BAR * chart.series().size() + GAP;
    int bottom = TOP + row * chart.bars().size();
    xml.writeStartElement("svg");
    attributes("xmlns", "http://www.w3.org/2000/svg", "role", "img");
    attributes("viewBox", "0 0 " + WIDTH + " " + (bottom + 30));
    attributes("width", WIDTH, "height", bottom + 30);
    element("title", chart.title());
    element("style", STYLE);
    text(8, 20, "title", chart.title());
    legend();
    double step = most > 6 ? 2 : most > 3 ? 1 : most > 1.5 ? 0.5 : 0.25;
    for (double at = 0; at <= most + 1e-9; at += step) {
      line(at == 1 ? "one" : "grid", x(at), TOP - 4, x(at), bottom);
      text(x(at) - 8, bottom + 16, "", number(at, step < 0.5 ? 2 : 1));
    }
    line("one", x(1), TOP - 4, x(1), bottom);
    for (int i = 0; i < chart.bars().size(); i++) {
      bar(chart.bars().get(i), TOP + i * row);
    }
    xml.writeEndElement();
    xml.flush();
  }

  private void legend() throws XMLStreamException {
    double at = LABELS;
    for (int s = 0; s < chart.series().size(); s++) {
      xml.writeEmptyElement("rect");
      attributes("class", "s" + s, "x", at, "y", 34, "width", 12, "height", 12);
      String name = chart.series().get(s);
      text(at + 18, 44, "", s == 0 ? name + "; 1 is the peer, more is faster" : name);
      at += 280;
    }
  }

  private void bar(RatioChart.Bar bar, int y) throws XMLStreamException {
    text(8, y + 11, "", bar.label());
    for (int s = 0; s < bar.values().size(); s++) {
      double value = bar.values().get(s);
      if (Double.isNaN(value)) {
        continue;
      }
      int top = y + s * BAR;
      xml.writeEmptyElement("rect");
      attributes("class", "s" + s, "x", LABELS, "y", top);
      attributes("width", number(x(value) - LABELS, 1), "height", BAR - 1);
      boolean whisker = s == 0 && !Double.isNaN(bar.low());
      if (whisker) {
        double middle = top + BAR / 2.0;
        line("whisker", x(bar.low()), middle, x(bar.high()), middle);
        line("whisker", x(bar.low()), top + 2, x(bar.low()), top + BAR - 3);
        line("whisker", x(bar.high()), top + 2, x(bar.high()), top + BAR - 3);
      }
      double end = x(whisker ? bar.high() : value);
      boolean crossed = end < x(1) && x(1) < end + 40; // by the line at 1
      text((crossed ? x(1) : end) + 5, top + 11, "", number(value, 2));
    }
  }

  private double x(double ratio) {
    return LABELS + ratio / most * (WIDTH - LABELS - RIGHT);
  }

  private void line(String kind, double x1, double y1, double x2, double y2)
      throws XMLStreamException {
    xml.writeEmptyElement("line");
    attributes("class", kind, "x1", number(x1, 1), "y1", number(y1, 1));
    attributes("x2", number(x2, 1), "y2", number(y2, 1));
  }

  private void text(double x, double y, String kind, String words) throws XMLStreamException {
    xml.writeStartElement("text");
    attributes("x", number(x, 1), "y", number(y, 1));
    if (!kind.isEmpty()) {
      attributes("class", kind);
    }
    xml.writeCharacters(words);
    xml.writeEndElement();
  }

  private void element(String name, String words) throws XMLStreamException {
    xml.writeStartElement(name);
    xml.writeCharacters(words);
    xml.writeEndElement();
  }

  private void attributes(Object... namesAndValues) throws XMLStreamException {
    List<String> all = Stream.of(namesAndValues).map(Object::toString).toList();
    for (int i = 0; i < all.size(); i += 2) {
      xml.writeAttribute(all.get(i), all.get(i + 1));
    }
  }

  private static String number(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }
}
