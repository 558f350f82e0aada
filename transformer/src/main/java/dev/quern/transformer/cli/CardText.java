package dev.quern.transformer.cli;

import dev.quern.transformer.model.ModelCard;
import java.io.PrintWriter;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A model card for people. */
final class CardText {
  private CardText() {}

  /** Prints a card, and an empty line after it. */
  static void print(ModelCard card, PrintWriter out) {
    out.println("model card");
    line(out, "name", card.name());
    line(out, "version", card.version());
    line(out, "family", card.family());
    line(out, "task", card.task().jsonName());
    line(out, "licence", card.licence());
    line(out, "training data", card.trainingData());
    line(out, "base", card.lineage().base());
    for (String adapter : card.lineage().adapters()) {
      line(out, "adapter", adapter);
    }
    line(out, "parent", card.lineage().parentHash());
    for (Map.Entry<String, Double> e : new TreeMap<>(card.metrics()).entrySet()) {
      line(out, e.getKey(), String.valueOf(e.getValue()));
    }
    for (Map.Entry<String, String> e : new TreeMap<>(card.details()).entrySet()) {
      line(out, e.getKey(), e.getValue());
    }
    out.println();
  }

  private static void line(PrintWriter out, String title, @Nullable String text) {
    if (text != null) {
      out.println("  " + Visible.of(title) + ": " + Visible.of(text));
    }
  }
}
