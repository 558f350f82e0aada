package dev.quern.transformer.train.config;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which keys a configuration has: each with type, default and description, in sections. Immutable.
 *
 * <p>It is its own reference: {@link #template()} is a complete configuration that explains itself,
 * {@link #toMarkdown()} has the same as tables.
 */
public final class ConfigSchema {
  private final Map<String, String> sections;
  private final Map<String, ConfigKey> keys;

  private ConfigSchema(Map<String, String> sections, Map<String, ConfigKey> keys) {
    this.sections = Collections.unmodifiableMap(sections);
    this.keys = Collections.unmodifiableMap(keys);
  }

  /**
   * Begins a schema.
   *
   * @return without keys
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * All keys.
   *
   * @return in the order of their declaration
   */
  public List<ConfigKey> keys() {
    return List.copyOf(keys.values());
  }

  /** The key of a path; null if there is none. */
  @Nullable ConfigKey key(String path) {
    return keys.get(path);
  }

  /** The sections' descriptions by path, in the order of their declaration. */
  Map<String, String> sections() {
    return sections;
  }

  /** The keys that stand in a section itself; "" is the top. */
  List<ConfigKey> keysIn(String section) {
    return keys.values().stream().filter(k -> parent(k.path()).equals(section)).toList();
  }

  /** The paths of the sections in a section. */
  List<String> sectionsIn(String section) {
    return sections.keySet().stream().filter(s -> parent(s).equals(section)).toList();
  }

  static String parent(String path) {
    int dot = path.lastIndexOf('.');
    return dot < 0 ? "" : path.substring(0, dot);
  }

  static String join(String section, String name) {
    return section.isEmpty() ? name : section + "." + name;
  }

  /**
   * A configuration with all defaults, in which comments describe each key.
   *
   * @return YAML; what must be given has no value
   */
  public String template() {
    return YamlWriter.write(this, Map.of(), Set.of());
  }

  /**
   * The reference as Markdown: a table for each section.
   *
   * @return lines that end in a line feed
   */
  public String toMarkdown() {
    StringBuilder out = new StringBuilder();
    markdown(out, "");
    for (Map.Entry<String, String> section : sections.entrySet()) {
      out.append("### `").append(section.getKey()).append("`\n\n");
      out.append(section.getValue()).append("\n\n");
      markdown(out, section.getKey());
    }
    return out.toString();
  }

  private void markdown(StringBuilder out, String section) {
    List<ConfigKey> here = keysIn(section);
    if (here.isEmpty()) {
      return;
    }
    out.append("| key | value | default | |\n|---|---|---|---|\n");
    for (ConfigKey k : here) {
      Object value = k.otherwise();
      String otherwise = value == null ? "" : "`" + YamlWriter.inline(value) + "`";
      out.append("| `").append(k.path()).append("` | ").append(cell(k.type().toString()));
      out.append(" | ").append(k.required() ? "required" : cell(otherwise));
      out.append(" | ").append(cell(k.description())).append(" |\n");
    }
    out.append('\n');
  }

  private static String cell(String text) {
    return text.replace("|", "\\|").replace('\n', ' ');
  }

  /** Declares sections and keys. A key's section is declared before it. */
  public static final class Builder {
    private static final Pattern PATH =
        Pattern.compile("[A-Za-z][A-Za-z0-9_-]*(\\.[A-Za-z][A-Za-z0-9_-]*)*");

    private final Map<String, String> sections = new LinkedHashMap<>();
    private final Map<String, ConfigKey> keys = new LinkedHashMap<>();

    private Builder() {}

    /**
     * Declares a section.
     *
     * @param path its name with those of the sections it stands in
     * @param description what its keys have in common
     * @return this
     * @throws IllegalArgumentException if the path is wrong or taken
     */
    public Builder section(String path, String description) {
      check(path, description);
      sections.put(path, description);
      return this;
    }

    /**
     * Declares a key with a default.
     *
     * @param path its name with those of its sections, such as {@code optimizer.rate}
     * @param type what its value may be
     * @param otherwise the default; a number of any type, a text, a flag, a list or a map
     * @param description what it does
     * @return this
     * @throws IllegalArgumentException if the path is wrong or taken, or the default not of the
     *     type
     */
    public Builder key(String path, ConfigType type, Object otherwise, String description) {
      return add(new ConfigKey(path, type, type.checked(otherwise), false, description));
    }

    /**
     * Declares a key that must be given.
     *
     * @param path its name with those of its sections
     * @param type what its value may be
     * @param description what it does
     * @return this
     * @throws IllegalArgumentException if the path is wrong or taken
     */
    public Builder required(String path, ConfigType type, String description) {
      return add(new ConfigKey(path, type, null, true, description));
    }

    /**
     * Declares a key that may stay unset, which {@link Config#has} tells.
     *
     * @param path its name with those of its sections
     * @param type what its value may be
     * @param description what it does, and what happens without it
     * @return this
     * @throws IllegalArgumentException if the path is wrong or taken
     */
    public Builder optional(String path, ConfigType type, String description) {
      return add(new ConfigKey(path, type, null, false, description));
    }

    private Builder add(ConfigKey key) {
      check(key.path(), key.description());
      keys.put(key.path(), key);
      return this;
    }

    private void check(String path, String description) {
      String parent = parent(path);
      String wrong =
          !PATH.matcher(path).matches()
              ? "names are letters, digits, _ and -, with dots between them"
              : keys.containsKey(path) || sections.containsKey(path)
                  ? "it is declared already"
                  : !parent.isEmpty() && !sections.containsKey(parent)
                      ? "declare the section '" + parent + "' first"
                      : description.isBlank() ? "describe it" : "";
      if (!wrong.isEmpty()) {
        throw new IllegalArgumentException("[ConfigSchema] '" + path + "': " + wrong);
      }
    }

    /**
     * The schema.
     *
     * @return with what was declared so far
     */
    public ConfigSchema build() {
      return new ConfigSchema(new LinkedHashMap<>(sections), new LinkedHashMap<>(keys));
    }
  }
}
