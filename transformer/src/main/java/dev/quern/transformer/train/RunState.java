package dev.quern.transformer.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quern.core.type.FormatException;
import dev.quern.transformer.data.LoaderState;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * Where a run is, beside its weights and the optimiser's state. The schedule and all chance are
 * functions of the step and the seed, so these numbers are all there is.
 *
 * @param step how many updates were made
 * @param data the next batch
 * @param run what is trained how, in any words, such as a hash of the configuration: a run goes on
 *     only as what it was
 * @param numbers what else has to be kept, such as the loss scale or the evaluations without gain
 * @param metrics of the latest evaluation, by name
 */
public record RunState(
    long step,
    LoaderState data,
    String run,
    Map<String, Double> numbers,
    Map<String, Double> metrics) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final int VERSION = 1;

  /** Copies the maps. */
  public RunState {
    numbers = Collections.unmodifiableMap(new TreeMap<>(numbers));
    metrics = Collections.unmodifiableMap(new TreeMap<>(metrics));
  }

  /**
   * Reads what {@link #toJson} wrote.
   *
   * @param json one object
   * @return the state
   * @throws FormatException if it is something else
   */
  public static RunState fromJson(String json) {
    JsonNode node;
    try {
      node = MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new FormatException("[runState] not valid JSON: " + e.getOriginalMessage(), e);
    }
    JsonNode step = node.path("step");
    boolean right =
        node.path("version").intValue() == VERSION
            && step.isIntegralNumber()
            && step.canConvertToLong()
            && step.longValue() >= 0
            && node.path("run").isTextual()
            && node.path("data").isObject();
    if (!right) {
      throw new FormatException(
          "[runState] need {\"version\":1,\"step\":N,\"run\":\"...\",\"data\":{...}}, found "
              + json);
    }
    return new RunState(
        step.longValue(),
        LoaderState.fromJson(node.path("data").toString()),
        node.path("run").textValue(),
        map(node.path("numbers")),
        map(node.path("metrics")));
  }

  private static Map<String, Double> map(JsonNode node) {
    Map<String, Double> map = new TreeMap<>();
    for (Map.Entry<String, JsonNode> e : node.properties()) {
      // JSON has no NaN and no infinity: they are written as texts.
      map.put(
          e.getKey(),
          e.getValue().isNumber()
              ? e.getValue().doubleValue()
              : Double.parseDouble(e.getValue().asText("NaN")));
    }
    return map;
  }

  /**
   * The state as JSON.
   *
   * @return one line
   */
  public String toJson() {
    ObjectNode node = MAPPER.createObjectNode().put("version", VERSION).put("step", step);
    node.put("run", run);
    try {
      node.set("data", MAPPER.readTree(data.toJson()));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
    put(node.putObject("numbers"), numbers);
    put(node.putObject("metrics"), metrics);
    return node.toString();
  }

  private static void put(ObjectNode node, Map<String, Double> map) {
    map.forEach(
        (k, v) -> {
          if (Double.isFinite(v)) {
            node.put(k, v);
          } else {
            node.put(k, v.toString());
          }
        });
  }
}
