package dev.quern.transformer.train.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.transformer.train.Crc;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
import dev.quern.transformer.train.config.ConfigKey;
import dev.quern.transformer.train.config.ConfigSchema;
import dev.quern.transformer.train.schedule.Schedules;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the bits of a run depend on: settings and data. Each checkpoint holds it, and a run goes on
 * from one only as what it was. They are compared key by key, so that a key that a later version
 * has and the checkpoint doesn't counts as its default.
 *
 * @param settings path to value, as YAML, of all keys in force that a resumed run may not change
 *     ({@link TrainingKeys#mayChange})
 * @param data the files' checksums, in their order; where they lie doesn't matter
 */
record RunIdentity(Map<String, String> settings, List<String> data) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final String STEPS = "steps";
  private static final int SHOWN = 60;

  RunIdentity {
    settings = new TreeMap<>(settings);
    data = List.copyOf(data);
  }

  /** The identity of a run that begins now, or goes on. */
  static RunIdentity of(Config config) {
    Map<String, String> settings = new TreeMap<>(config.values());
    settings.keySet().removeIf(TrainingKeys::mayChange);
    if (config.has("model.from")) { // keys of new models, which the run's own file leaves out
      settings.keySet().removeAll(TrainingKeys.ofNewModels());
    }
    // A schedule that is told its own steps does not move when the run is made longer.
    boolean follows =
        Schedules.settings(config.text("schedule.name")).contains(STEPS)
            && !config.numbersByName("schedule.settings").containsKey(STEPS);
    if (!follows) {
      settings.remove(STEPS);
    }
    List<String> data = new ArrayList<>();
    for (String file : config.texts("data.files")) {
      if (Files.isDirectory(Path.of(file))) {
        throw new TrainingException("[data.files] " + file + " is a folder; name the files in it");
      }
      try {
        data.add("%08x".formatted(Crc.of(Path.of(file))));
      } catch (IOException e) {
        throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
      }
    }
    return new RunIdentity(settings, data);
  }

  /** One line of JSON. */
  String toJson() {
    ObjectNode root = MAPPER.createObjectNode();
    ObjectNode all = root.putObject("settings");
    settings.forEach(all::put);
    ArrayNode sums = root.putArray("data");
    data.forEach(sums::add);
    return root.toString();
  }

  /**
   * Insists that a checkpoint belongs to this run.
   *
   * @param folder of the run, for messages
   * @param stored what {@link #toJson} gave when it began
   * @param files as the configuration names them, for messages
   * @throws TrainingException if it doesn't; names what differs
   */
  void requireSame(Path folder, String stored, List<String> files) {
    RunIdentity first = read(folder, stored);
    Map<String, String> defaults = defaults(TrainingKeys.schema());
    TreeSet<String> keys = new TreeSet<>(settings.keySet());
    keys.addAll(first.settings.keySet());
    List<String> changed = new ArrayList<>();
    for (String key : keys) {
      String then = first.settings.getOrDefault(key, defaults.get(key));
      String now = settings.getOrDefault(key, defaults.get(key));
      if (!Objects.equals(then, now)) {
        changed.add(key + " (" + shown(then) + ", now " + shown(now) + ")");
      }
    }
    if (!changed.isEmpty()) {
      String steps =
          keys.contains(STEPS)
              ? "; to train longer, start anew with model.from, or begin with schedule.settings"
                  + " that give steps"
              : "";
      throw new TrainingException(
          folder
              + ": the run began with other settings: "
              + String.join(", ", changed)
              + "; go on with those (quern train "
              + folder
              + " --resume), or give another 'output'"
              + steps);
    }
    if (!data.equals(first.data)) {
      throw new TrainingException(
          folder
              + ": "
              + changedFile(first, files)
              + " than when the run began, and it would learn from what it is judged on; give the"
              + " data it began with, or another 'output'");
    }
  }

  private String changedFile(RunIdentity first, List<String> files) {
    if (data.size() != first.data.size()) {
      return "data.files are " + data.size() + " and were " + first.data.size() + ": other data";
    }
    int i = 0;
    while (data.get(i).equals(first.data.get(i))) {
      i++;
    }
    return "data.files: " + files.get(i) + " holds other data";
  }

  private static String shown(@Nullable String value) {
    return value == null
        ? "unset"
        : value.length() > SHOWN ? value.substring(0, SHOWN) + "..." : value;
  }

  private static Map<String, String> defaults(ConfigSchema schema) {
    Map<String, String> all = new HashMap<>();
    for (ConfigKey key : schema.keys()) {
      String text = key.defaultText();
      if (text != null) {
        all.put(key.path(), text);
      }
    }
    return all;
  }

  private static RunIdentity read(Path folder, String stored) {
    try {
      JsonNode root = MAPPER.readTree(stored);
      Map<String, String> settings = new HashMap<>();
      root.path("settings")
          .properties()
          .forEach(e -> settings.put(e.getKey(), e.getValue().asText()));
      List<String> data = new ArrayList<>();
      root.path("data").forEach(sum -> data.add(sum.asText()));
      if (!settings.isEmpty()) {
        return new RunIdentity(settings, data);
      }
    } catch (JsonProcessingException e) {
      // The same remedy as for JSON of another form.
    }
    throw new TrainingException(
        folder
            + ": its checkpoints don't say which settings they belong to; another version of Quern"
            + " wrote them: go on with that, or begin another run with model.from");
  }
}
