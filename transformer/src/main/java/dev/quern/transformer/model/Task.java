package dev.quern.transformer.model;

import java.util.Locale;

/** What a model is for. */
public enum Task {
  /** Continues a text. */
  TEXT_GENERATION,
  /** Fills masked words in. */
  MASK_FILLING,
  /** Says which label a text has. */
  TEXT_CLASSIFICATION,
  /** Turns a text into a vector. */
  TEXT_EMBEDDING;

  /**
   * The task as JSON has it.
   *
   * @return for example {@code text-generation}
   */
  public String jsonName() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The task of a name.
   *
   * @param jsonName as {@link #jsonName} gives it
   * @return the task
   * @throws FieldException if there is none of that name
   */
  public static Task of(String jsonName) {
    for (Task t : values()) {
      if (t.jsonName().equals(jsonName)) {
        return t;
      }
    }
    throw new FieldException("field", "task", "is '" + jsonName + "', which is no known task");
  }
}
