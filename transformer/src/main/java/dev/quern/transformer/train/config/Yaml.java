package dev.quern.transformer.train.config;

import java.util.List;
import java.util.Map;

/** A YAML document as it is written: scalars are texts, each node knows its place. */
sealed interface Yaml {
  /** File and line, such as {@code run.yaml:12}. */
  String place();

  /** What stands there, for a message: "the text 'fast'". */
  String describe();

  /**
   * A scalar.
   *
   * @param plain written without quotes, so that it may be something else than a text
   */
  record Scalar(String place, String text, boolean plain) implements Yaml {
    @Override
    public String describe() {
      Scalars.Kind kind = kind();
      return switch (kind) {
        case NOTHING -> "nothing";
        case FLAG -> text;
        case INTEGER, NUMBER -> kind.title() + " " + text;
        case TEXT -> kind.title() + " '" + Scalars.shown(text) + "'";
      };
    }

    Scalars.Kind kind() {
      return plain ? Scalars.kind(text) : Scalars.Kind.TEXT;
    }
  }

  /** A list. */
  record Sequence(String place, List<Yaml> elements) implements Yaml {
    @Override
    public String describe() {
      return "a list";
    }
  }

  /** Keys, in their order, with their values. */
  record Mapping(String place, Map<String, Entry> entries) implements Yaml {
    @Override
    public String describe() {
      return "a section";
    }
  }

  /** A value with its key and the key's place. */
  record Entry(String place, String name, Yaml value) {}
}
