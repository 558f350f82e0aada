package dev.quern.transformer.train.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Values for the keys of a {@link ConfigSchema}: those of a file and of a command line, else the
 * defaults. Immutable.
 *
 * <p>Paths are those of the schema; in a {@link #section} they begin below it. Asking for a path
 * that is not declared, or as another type, is an error of the program, not of the file.
 */
public final class Config {
  private final ConfigSchema schema;
  private final Map<String, Object> given;
  private final String prefix;

  private Config(ConfigSchema schema, Map<String, Object> given, String prefix) {
    this.schema = schema;
    this.given = given;
    this.prefix = prefix;
  }

  /**
   * Reads a file.
   *
   * @param file YAML in UTF-8, of at most 1 MiB
   * @param schema the keys there are
   * @param overrides each {@code path=value}, with the value as YAML; they count more than the
   *     file, later ones more than earlier ones
   * @return the configuration
   * @throws ConfigException if anything in the file or the overrides is not as declared
   * @throws UncheckedIOException if the file can't be read
   */
  public static Config read(Path file, ConfigSchema schema, List<String> overrides) {
    return parse(text(file), file.toString(), schema, overrides);
  }

  /**
   * Reads a text.
   *
   * @param yaml the configuration
   * @param origin where the text is from, for messages
   * @param schema the keys there are
   * @param overrides each {@code path=value}, as for {@link #read}
   * @return the configuration
   * @throws ConfigException if anything is not as declared
   */
  public static Config parse(
      String yaml, String origin, ConfigSchema schema, List<String> overrides) {
    ConfigReader reader = new ConfigReader(schema);
    reader.document(YamlReader.read(origin, true, yaml));
    overrides.forEach(reader::override);
    reader.checkComplete(origin);
    return new Config(schema, reader.given(), "");
  }

  private static String text(Path file) {
    if (Files.isDirectory(file)) {
      throw new ConfigException(file + ": this is a folder; give a YAML file");
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(YamlReader.MOST_BYTES + 1);
      if (bytes.length > YamlReader.MOST_BYTES) {
        throw new ConfigException(
            file + ": more than " + YamlReader.MOST_BYTES + " bytes; this is no configuration");
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ConfigException(file + ": not UTF-8; convert it, for example with iconv", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Part of the configuration.
   *
   * @param path of a section
   * @return the same values, with paths that begin below the section
   * @throws IllegalArgumentException if there is no such section
   */
  public Config section(String path) {
    String full = ConfigSchema.join(prefix, path);
    if (!schema.sections().containsKey(full)) {
      throw new IllegalArgumentException("[Config] no section '" + full + "' is declared");
    }
    return new Config(schema, given, full);
  }

  /**
   * Whether a key has a value, given or default. False only for optional keys that stayed unset.
   *
   * @param path of a key
   * @return whether it can be asked for
   * @throws IllegalArgumentException if there is no such key
   */
  public boolean has(String path) {
    return valueOf(key(path)) != null;
  }

  /**
   * Whether a value comes from the file or an override, even if it is the default's.
   *
   * @param path of a key
   * @return false if the default is in force, or nothing
   * @throws IllegalArgumentException if there is no such key
   */
  public boolean isGiven(String path) {
    return given.containsKey(key(path).path());
  }

  /**
   * A text.
   *
   * @param path of a key of type text
   * @return its value
   */
  public String text(String path) {
    return value(path, String.class);
  }

  /**
   * A whole number.
   *
   * @param path of a key of type integer
   * @return its value
   */
  public long integer(String path) {
    return value(path, Long.class);
  }

  /**
   * A whole number of 32 bits.
   *
   * @param path of a key of type integer
   * @return its value
   * @throws ConfigException if it doesn't fit
   */
  public int int32(String path) {
    long value = integer(path);
    if ((int) value != value) {
      throw new ConfigException(
          key(path).path() + ": found " + value + ", wanted a whole number of at most 32 bits");
    }
    return (int) value;
  }

  /**
   * A number.
   *
   * @param path of a key of type number
   * @return its value
   */
  public double number(String path) {
    return value(path, Double.class);
  }

  /**
   * A flag.
   *
   * @param path of a key of type flag
   * @return its value
   */
  public boolean flag(String path) {
    return value(path, Boolean.class);
  }

  /**
   * A list of texts.
   *
   * @param path of a key whose type is a list of texts
   * @return its value
   */
  public List<String> texts(String path) {
    return list(path, String.class);
  }

  /**
   * A list of whole numbers.
   *
   * @param path of a key whose type is a list of integers
   * @return its value
   */
  public List<Long> integers(String path) {
    return list(path, Long.class);
  }

  /**
   * A list of numbers.
   *
   * @param path of a key whose type is a list of numbers
   * @return its value
   */
  public List<Double> numbers(String path) {
    return list(path, Double.class);
  }

  /**
   * Names with numbers.
   *
   * @param path of a key whose type is a map of numbers
   * @return its value, in the order of the file
   */
  public Map<String, Double> numbersByName(String path) {
    return map(path, Double.class);
  }

  /**
   * Names with texts.
   *
   * @param path of a key whose type is a map of texts
   * @return its value, in the order of the file
   */
  public Map<String, String> textsByName(String path) {
    return map(path, String.class);
  }

  private <T> List<T> list(String path, Class<T> type) {
    List<T> values = new ArrayList<>();
    for (Object v : value(path, List.class)) {
      values.add(as(path, v, type));
    }
    return List.copyOf(values);
  }

  private <T> Map<String, T> map(String path, Class<T> type) {
    Map<String, T> values = new LinkedHashMap<>();
    Map<?, ?> map = value(path, Map.class);
    map.forEach((name, v) -> values.put((String) name, as(path, v, type)));
    return values;
  }

  private <T> T value(String path, Class<T> type) {
    ConfigKey key = key(path);
    Object value = valueOf(key);
    if (value == null) {
      throw new ConfigException(key.path() + ": not set; wanted " + key.type());
    }
    return as(path, value, type);
  }

  private <T> T as(String path, Object value, Class<T> type) {
    if (!type.isInstance(value)) {
      ConfigKey key = key(path);
      throw new IllegalArgumentException(
          "[Config] %s is %s, asked for as %s"
              .formatted(key.path(), key.type(), type.getSimpleName()));
    }
    return type.cast(value);
  }

  private ConfigKey key(String path) {
    String full = ConfigSchema.join(prefix, path);
    ConfigKey key = schema.key(full);
    if (key == null) {
      throw new IllegalArgumentException("[Config] no key '" + full + "' is declared");
    }
    return key;
  }

  private @Nullable Object valueOf(ConfigKey key) {
    return given.getOrDefault(key.path(), key.otherwise());
  }

  /**
   * The whole configuration in force, defaults included, with comments that describe each key.
   * Reading it with the same schema gives an equal configuration.
   *
   * @return YAML
   */
  public String toYaml() {
    return toYaml(Set.of());
  }

  /**
   * The configuration in force, but for keys that say nothing in it.
   *
   * @param without paths of keys that are left without a value, in comments
   * @return YAML
   */
  public String toYaml(Set<String> without) {
    return YamlWriter.write(schema, given, without);
  }

  /**
   * Where two configurations differ, for a run that is resumed with other settings.
   *
   * @param other of the same schema, or of an older or newer one
   * @return the paths of keys whose values differ or that only one has, sorted
   */
  public List<String> differences(Config other) {
    Map<String, String> mine = values();
    Map<String, String> theirs = other.values();
    Map<String, String> all = new TreeMap<>(theirs);
    all.putAll(mine);
    return all.keySet().stream()
        .filter(path -> !Objects.equals(mine.get(path), theirs.get(path)))
        .toList();
  }

  /**
   * The values in force, given or default.
   *
   * @return path to value as YAML on one line, sorted by path
   */
  public Map<String, String> values() {
    Map<String, String> values = new TreeMap<>();
    for (ConfigKey key : schema.keys()) {
      Object value = valueOf(key);
      if (value != null) {
        values.put(key.path(), YamlWriter.inline(sorted(value)));
      }
    }
    return values;
  }

  private static Object sorted(Object value) {
    return value instanceof Map<?, ?> map ? new TreeMap<>(map) : value;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Config c && prefix.equals(c.prefix) && values().equals(c.values());
  }

  @Override
  public int hashCode() {
    return values().hashCode();
  }

  @Override
  public String toString() {
    return toYaml();
  }
}
