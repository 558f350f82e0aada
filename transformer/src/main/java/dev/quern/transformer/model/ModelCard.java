package dev.quern.transformer.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.FormatException;
import dev.quern.transformer.families.Checkpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a model (after Mitchell et al. 2019).
 *
 * @param name for people
 * @param version semantic version, {@code major.minor.patch}
 * @param family for example {@code llama}
 * @param task what it is for
 * @param licence as its publisher names it, or null if not known
 * @param trainingData what it was trained on, or null if not known
 * @param metrics name to value
 * @param lineage what it was made from
 * @param details other texts by their titles, such as how it was trained and what it can't do
 */
public record ModelCard(
    String name,
    String version,
    String family,
    Task task,
    @Nullable String licence,
    @Nullable String trainingData,
    Map<String, Double> metrics,
    Lineage lineage,
    Map<String, String> details) {
  /** The file of a model's folder that holds its card, in the canonical form. */
  public static final String FILE_NAME = "model_card.json";

  /** The key of a GGUF file that holds the card, in the canonical form. */
  public static final String GGUF_KEY = "quern.model_card";

  private static final Set<String> FIELDS =
      Set.of(
          "name",
          "version",
          "family",
          "task",
          "licence",
          "trainingData",
          "metrics",
          "lineage",
          "details");
  private static final long MOST_BYTES = 1 << 20;
  private static final Pattern SEMANTIC_VERSION =
      Pattern.compile("\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?");

  /**
   * What a model was made from.
   *
   * @param base name of the base model, or null if it is one
   * @param adapters names of the adapters that were merged or added, in order
   * @param parentHash content hash of the checkpoint it was made from, {@code sha256:...}, or null
   */
  public record Lineage(@Nullable String base, List<String> adapters, @Nullable String parentHash) {
    /** Nothing known. */
    public static final Lineage NONE = new Lineage(null, List.of(), null);

    /** Copies the list. */
    public Lineage {
      adapters = List.copyOf(adapters);
    }

    private static Lineage of(JsonNode json) {
      ObjectNode node = Json.object("lineage", json, Set.of("base", "adapters", "parentHash"));
      return new Lineage(
          Json.optionalText(node, "base"),
          node.has("adapters") ? Json.texts(node, "adapters") : List.of(),
          Json.optionalText(node, "parentHash"));
    }
  }

  /**
   * A card without details.
   *
   * @param name for people
   * @param version semantic version, {@code major.minor.patch}
   * @param family for example {@code llama}
   * @param task what it is for
   * @param licence as its publisher names it, or null if not known
   * @param trainingData what it was trained on, or null if not known
   * @param metrics name to value
   * @param lineage what it was made from
   * @throws FieldException if the version is no semantic version, or a metric is not finite
   */
  public ModelCard(
      String name,
      String version,
      String family,
      Task task,
      @Nullable String licence,
      @Nullable String trainingData,
      Map<String, Double> metrics,
      Lineage lineage) {
    this(name, version, family, task, licence, trainingData, metrics, lineage, Map.of());
  }

  /**
   * Checks the version and the metrics, and copies the maps.
   *
   * @throws FieldException if the version is no semantic version, or a metric is not finite
   */
  public ModelCard {
    metrics = Map.copyOf(metrics);
    details = Map.copyOf(details);
    metrics.forEach(
        (metric, value) -> {
          if (!Double.isFinite(value)) {
            throw new FieldException("metric", metric, "is " + value + "; it must be finite");
          }
        });
    if (!SEMANTIC_VERSION.matcher(version).matches()) {
      throw new FieldException(
          "field", "version", "is '" + version + "'; it must be like 1.0.0 (semver.org)");
    }
  }

  /**
   * The card that a checkpoint carries: a GGUF file under {@value #GGUF_KEY}, a folder in {@value
   * #FILE_NAME}.
   *
   * @param checkpoint an open one
   * @return its card, or none
   * @throws FieldException naming the field of the card that is wrong
   * @throws dev.quern.core.type.FormatException if the file is unreasonably long
   */
  public static Optional<ModelCard> in(Checkpoint checkpoint) {
    if (checkpoint.format() == Checkpoint.Format.GGUF) {
      String json = checkpoint.settings().text(GGUF_KEY, "");
      return json.isEmpty() ? Optional.empty() : Optional.of(fromJson(json));
    }
    Path file = checkpoint.path().resolve(FILE_NAME);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new FormatException(file + ": a model card has at most " + MOST_BYTES + " bytes");
      }
      return Optional.of(fromJson(Files.readString(file)));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  /**
   * What a checkpoint calls its model: GGUF's {@code general.name}, a folder's {@code
   * _name_or_path}, else the name of the file or folder.
   *
   * @param checkpoint an open one
   * @return not blank
   */
  public static String nameOf(Checkpoint checkpoint) {
    boolean gguf = checkpoint.format() == Checkpoint.Format.GGUF;
    String name = checkpoint.settings().text(gguf ? "general.name" : "_name_or_path", "");
    return name.isBlank()
        ? String.valueOf(checkpoint.path().toAbsolutePath().normalize().getFileName())
        : name;
  }

  /** This card for a model that turned out to be of a family and for a task. */
  ModelCard with(String loadedFamily, Task loadedTask) {
    return new ModelCard(
        name, version, loadedFamily, loadedTask, licence, trainingData, metrics, lineage, details);
  }

  /**
   * Reads the canonical form.
   *
   * @param json an object as {@link #toJson} writes it; what is not known may be left out
   * @return the card
   * @throws FieldException naming the field that is wrong, missing or unknown
   */
  public static ModelCard fromJson(String json) {
    ObjectNode node = Json.read(json, FIELDS);
    Map<String, Double> metrics = new HashMap<>();
    if (node.has("metrics")) {
      ObjectNode all = Json.object("metrics", node.path("metrics"));
      all.fieldNames().forEachRemaining(name -> metrics.put(name, Json.number(all, name)));
    }
    return new ModelCard(
        Json.text(node, "name"),
        Json.text(node, "version"),
        Json.text(node, "family"),
        Task.of(Json.text(node, "task")),
        Json.optionalText(node, "licence"),
        Json.optionalText(node, "trainingData"),
        metrics,
        node.has("lineage") ? Lineage.of(node.path("lineage")) : Lineage.NONE,
        node.has("details") ? Json.textsByName(node, "details") : Map.of());
  }

  /**
   * Writes the canonical form: {@code {name, version, family, task, licence, trainingData, metrics:
   * {name: value}, lineage: {base, adapters, parentHash}, details: {title: text}}}, metrics and
   * details by name. Texts that are not known are left out, and so are details if there are none.
   *
   * @return an object
   */
  public String toJson() {
    ObjectNode node =
        Json.object()
            .put("name", name)
            .put("version", version)
            .put("family", family)
            .put("task", task.jsonName());
    Json.putKnown(node, "licence", licence);
    Json.putKnown(node, "trainingData", trainingData);
    new TreeMap<>(metrics).forEach(node.putObject("metrics")::put);
    ObjectNode from = node.putObject("lineage");
    Json.putKnown(from, "base", lineage.base);
    lineage.adapters.forEach(from.putArray("adapters")::add);
    Json.putKnown(from, "parentHash", lineage.parentHash);
    if (!details.isEmpty()) {
      new TreeMap<>(details).forEach(node.putObject("details")::put);
    }
    return Json.write(node);
  }
}
