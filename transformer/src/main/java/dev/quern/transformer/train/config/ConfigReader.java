package dev.quern.transformer.train.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Holds a document against a schema: every key declared, every value of its type. */
final class ConfigReader {
  private final ConfigSchema schema;
  private final Map<String, Object> given = new LinkedHashMap<>();

  ConfigReader(ConfigSchema schema) {
    this.schema = schema;
  }

  /** The values that were given, by path. */
  Map<String, Object> given() {
    return given;
  }

  /** Takes a whole document. */
  void document(Yaml root) {
    if (!isNothing(root)) {
      section("", root);
    }
  }

  private void section(String path, Yaml node) {
    if (!(node instanceof Yaml.Mapping mapping)) {
      String name = path.isEmpty() ? "the configuration" : path;
      throw new ConfigException(
          "%s: %s: found %s, wanted a section: lines of 'key: value'"
              .formatted(node.place(), name, node.describe()));
    }
    mapping.entries().forEach((name, entry) -> entry(ConfigSchema.join(path, name), entry));
  }

  private void entry(String path, Yaml.Entry entry) {
    ConfigKey key = schema.key(path);
    // A name with a dot in it is another key than the path that looks like it.
    boolean dotted = entry.name().contains(".");
    boolean isSection = schema.sections().containsKey(path);
    if (key != null && !dotted) {
      value(key, entry.value());
    } else if (isSection && !dotted) {
      if (!isNothing(entry.value())) {
        section(path, entry.value());
      }
    } else {
      throw unknown(entry.place(), path, key != null || isSection);
    }
  }

  private static boolean isNothing(Yaml node) {
    return node instanceof Yaml.Scalar scalar && scalar.kind() == Scalars.Kind.NOTHING;
  }

  private void value(ConfigKey key, Yaml node) {
    if (isNothing(node) && key.otherwise() == null && !key.required()) {
      given.remove(key.path());
      return;
    }
    try {
      given.put(key.path(), key.type().read(node));
    } catch (ConfigType.Mismatch e) {
      throw new ConfigException(
          "%s: %s%s: found %s, wanted %s"
              .formatted(e.node.place(), key.path(), e.below, e.node.describe(), e.wanted));
    }
  }

  /**
   * Takes {@code path=value} from a command line. The value is YAML on one line; where a text is
   * wanted, it is the text as it stands, so that a shell's quotes are enough.
   */
  void override(String assignment) {
    int equals = assignment.indexOf('=');
    if (equals <= 0) {
      throw new ConfigException(
          "--set " + Scalars.shown(assignment) + ": need key=value, such as optimizer.rate=3e-4");
    }
    String path = assignment.substring(0, equals).strip();
    String text = assignment.substring(equals + 1).strip();
    String place = "--set " + Scalars.shown(assignment);
    ConfigKey key = schema.key(path);
    if (key != null) {
      value(key, node(place, text, key.type()));
      return;
    }
    ConfigKey map = mapAbove(path);
    if (map == null) {
      throw schema.sections().containsKey(path)
          ? new ConfigException(place + ": this is a section; set one of its keys")
          : unknown(place, path, false);
    }
    Map<String, Yaml.Entry> one = new LinkedHashMap<>();
    String name = path.substring(map.path().length() + 1);
    one.put(name, new Yaml.Entry(place, name, node(place, text, map.type().element())));
    Object before = given.getOrDefault(map.path(), map.otherwise());
    value(map, new Yaml.Mapping(place, one));
    if (before instanceof Map<?, ?> old) {
      Map<String, Object> both = new LinkedHashMap<>();
      old.forEach((n, v) -> both.put((String) n, v));
      if (given.get(map.path()) instanceof Map<?, ?> added) {
        added.forEach((n, v) -> both.put((String) n, v));
      }
      given.put(map.path(), both);
    }
  }

  /** The key of free names that a path goes into; null if there is none. */
  private @Nullable ConfigKey mapAbove(String path) {
    ConfigKey key = schema.key(ConfigSchema.parent(path));
    return key != null && key.type().form() == ConfigType.Form.MAP ? key : null;
  }

  private static Yaml node(String place, String text, ConfigType type) {
    boolean quoted = text.startsWith("\"") || text.startsWith("'");
    if (type.form() == ConfigType.Form.TEXT && !quoted) {
      return new Yaml.Scalar(place, text, false);
    }
    return YamlReader.read(place, false, text);
  }

  private ConfigException unknown(String place, String path, boolean dotted) {
    String shown = Scalars.shown(path);
    if (dotted) {
      return new ConfigException(
          "%s: '%s' is one name here; write it in its section, as '%s:' and below it '  %s: ...'"
              .formatted(
                  place,
                  shown,
                  ConfigSchema.parent(path),
                  path.substring(path.lastIndexOf('.') + 1)));
    }
    List<String> all = new ArrayList<>(schema.keys().stream().map(ConfigKey::path).toList());
    all.addAll(schema.sections().keySet());
    String near = Nearest.of(path, all);
    String remedy = near == null ? known(path) : "did you mean '" + near + "'?";
    return new ConfigException(place + ": unknown key '" + shown + "'; " + remedy);
  }

  /** What there is in the section of a path, or at the top if that section is unknown too. */
  private String known(String path) {
    String parent = ConfigSchema.parent(path);
    String section = schema.sections().containsKey(parent) ? parent : "";
    List<String> names = new ArrayList<>();
    schema.keysIn(section).forEach(k -> names.add(k.name()));
    schema.sectionsIn(section).forEach(s -> names.add(s.substring(s.lastIndexOf('.') + 1)));
    return (section.isEmpty() ? "there are " : section + " has ") + String.join(", ", names);
  }

  /** Refuses a configuration that lacks what must be given. */
  void checkComplete(String origin) {
    for (ConfigKey key : schema.keys()) {
      if (key.required() && !given.containsKey(key.path())) {
        throw new ConfigException(
            "%s: %s is missing: %s; wanted %s"
                .formatted(origin, key.path(), key.description(), key.type()));
      }
    }
  }
}
