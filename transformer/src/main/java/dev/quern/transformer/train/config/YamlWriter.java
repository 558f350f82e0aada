package dev.quern.transformer.train.config;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Writes a configuration as YAML that explains itself. */
final class YamlWriter {
  private static final int COLUMNS = 96;
  private static final Pattern WORDS = Pattern.compile("\\s+");

  private final ConfigSchema schema;
  private final Map<String, Object> values;
  private final Set<String> without;
  private final StringBuilder out = new StringBuilder();

  private YamlWriter(ConfigSchema schema, Map<String, Object> values, Set<String> without) {
    this.schema = schema;
    this.values = values;
    this.without = without;
  }

  /** All keys, with the values given, else the defaults; some are left without one. */
  static String write(ConfigSchema schema, Map<String, Object> values, Set<String> without) {
    YamlWriter writer = new YamlWriter(schema, values, without);
    writer.section("", "");
    return writer.out.toString();
  }

  private void section(String path, String indent) {
    for (ConfigKey key : schema.keysIn(path)) {
      comment(indent, key.description() + " (" + key.facts() + ")");
      key(key, indent);
    }
    for (String section : schema.sectionsIn(path)) {
      if (!out.isEmpty()) {
        out.append('\n');
      }
      comment(indent, schema.sections().getOrDefault(section, ""));
      out.append(indent).append(section.substring(section.lastIndexOf('.') + 1)).append(":\n");
      section(section, indent + "  ");
    }
  }

  private void key(ConfigKey key, String indent) {
    Object value = values.getOrDefault(key.path(), key.otherwise());
    if (value == null || without.contains(key.path())) {
      // A comment keeps a key unset; a required one without a value is refused when it is read.
      out.append(indent).append(key.required() ? "" : "# ").append(key.name()).append(":\n");
    } else if (value instanceof Map<?, ?> map && !map.isEmpty()) {
      out.append(indent).append(key.name()).append(":\n");
      map.forEach(
          (name, v) ->
              out.append(indent)
                  .append("  ")
                  .append(Scalars.quote((String) name))
                  .append(": ")
                  .append(inline(v))
                  .append('\n'));
    } else {
      out.append(indent).append(key.name()).append(": ").append(inline(value)).append('\n');
    }
  }

  /** A value on one line. */
  static String inline(Object value) {
    return switch (value) {
      case List<?> list ->
          list.stream().map(YamlWriter::inline).collect(Collectors.joining(", ", "[", "]"));
      case Map<?, ?> map ->
          map.entrySet().stream()
              .map(e -> Scalars.quote((String) e.getKey()) + ": " + inline(e.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      default -> Scalars.write(value);
    };
  }

  private void comment(String indent, String text) {
    String begin = indent + "#";
    int column = 0;
    for (String word : WORDS.splitAsStream(text.strip()).toList()) {
      if (column == 0 || column + 1 + word.length() > COLUMNS) {
        out.append(column == 0 ? "" : "\n").append(begin);
        column = begin.length();
      }
      out.append(' ').append(word);
      column += 1 + word.length();
    }
    out.append('\n');
  }
}
