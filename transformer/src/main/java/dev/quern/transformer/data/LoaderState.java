package dev.quern.transformer.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.quern.core.type.FormatException;

/**
 * Where a run is in its data. As batches are functions of their number, that is all there is to
 * save: a run that goes on from here sees, bit for bit, what it would have seen.
 *
 * @param next number of the next batch
 * @param plan what the batches are made from, in any words, such as a hash of the configuration;
 *     the same number means something else under another plan
 */
public record LoaderState(long next, String plan) {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final int VERSION = 1;

  /**
   * A state.
   *
   * @throws DataException if the number is negative
   */
  public LoaderState {
    DataException.atLeast("loaderState", "next", next, 0);
  }

  /**
   * The beginning.
   *
   * @param plan what the batches are made from
   * @return number 0
   */
  public static LoaderState start(String plan) {
    return new LoaderState(0, plan);
  }

  /**
   * Reads what {@link #toJson} wrote.
   *
   * @param json one object
   * @return the state
   * @throws FormatException if it is something else
   */
  public static LoaderState fromJson(String json) {
    JsonNode node;
    try {
      node = MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new FormatException("[loaderState] not valid JSON: " + e.getOriginalMessage(), e);
    }
    JsonNode version = node.path("version");
    JsonNode next = node.path("next");
    JsonNode plan = node.path("plan");
    boolean whole = next.isIntegralNumber() && next.canConvertToLong() && next.longValue() >= 0;
    if (version.intValue() != VERSION || !whole || !plan.isTextual()) {
      throw new FormatException(
          "[loaderState] need {\"version\":1,\"next\":N,\"plan\":\"...\"}, found " + json);
    }
    return new LoaderState(next.longValue(), plan.textValue());
  }

  /**
   * The state as JSON.
   *
   * @return one line
   */
  public String toJson() {
    return MAPPER
        .createObjectNode()
        .put("version", VERSION)
        .put("next", next)
        .put("plan", plan)
        .toString();
  }

  /**
   * Insists that the state belongs to a plan.
   *
   * @param expected the plan of the run that is to go on
   * @return this state
   * @throws DataException if it belongs to another
   */
  public LoaderState expect(String expected) {
    if (!plan.equals(expected)) {
      throw new DataException(
          "[loaderState] the saved position belongs to '%s', and this run is '%s'; resume with the"
                  .formatted(plan, expected)
              + " same data and settings, or begin anew");
    }
    return this;
  }
}
