package dev.quern.transformer.train.log;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Writes HTML: elements are closed in the order they were opened, and every text and attribute
 * value is escaped, whoever wrote it.
 */
final class Markup {
  private final StringBuilder out = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();

  /**
   * Begins an element.
   *
   * @param attributes names and values by turns; a name is written as it is
   */
  Markup open(String tag, String... attributes) {
    begin(tag, attributes);
    open.push(tag);
    return this;
  }

  /** Ends the element begun last. */
  Markup close() {
    out.append("</").append(open.pop()).append(">\n");
    return this;
  }

  /** An element that holds a text. */
  Markup leaf(String tag, String text, String... attributes) {
    begin(tag, attributes);
    escape(text);
    out.append("</").append(tag).append('>');
    return this;
  }

  /** An element that never has an end, such as {@code meta}. */
  Markup empty(String tag, String... attributes) {
    begin(tag, attributes);
    return this;
  }

  /** A text. */
  Markup text(String text) {
    escape(text);
    return this;
  }

  /** Something that is markup already: constants of ours, or what was made for its place. */
  Markup raw(String markup) {
    out.append(markup);
    return this;
  }

  private void begin(String tag, String... attributes) {
    out.append('<').append(tag);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ').append(attributes[i]).append("=\"");
      escape(attributes[i + 1]);
      out.append('"');
    }
    out.append('>');
  }

  private void escape(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\'' -> out.append("&#39;");
        case '\n', '\t' -> out.append(c);
        // HTML allows no other control characters.
        default -> out.append(Character.isISOControl(c) ? '\uFFFD' : c);
      }
    }
  }

  @Override
  public String toString() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("[Markup] elements are open: " + open);
    }
    return out.toString();
  }
}
