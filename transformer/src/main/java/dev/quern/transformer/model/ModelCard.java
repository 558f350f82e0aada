package dev.quern.transformer.model;

import java.util.List;
import java.util.Map;
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
 */
public record ModelCard(
    String name,
    String version,
    String family,
    Task task,
    @Nullable String licence,
    @Nullable String trainingData,
    Map<String, Double> metrics,
    Lineage lineage) {
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
  }

  /**
   * Checks the version and copies the metrics.
   *
   * @throws FieldException if the version is no semantic version
   */
  public ModelCard {
    metrics = Map.copyOf(metrics);
    if (!SEMANTIC_VERSION.matcher(version).matches()) {
      throw new FieldException(
          "field", "version", "is '" + version + "'; it must be like 1.0.0 (semver.org)");
    }
  }
}
