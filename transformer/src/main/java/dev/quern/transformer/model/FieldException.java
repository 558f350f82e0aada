package dev.quern.transformer.model;

import dev.quern.core.type.QuernException;
import java.io.Serial;

/** An input, parameter or JSON field that does not fit a signature. */
public final class FieldException extends QuernException {
  @Serial private static final long serialVersionUID = 1L;
  private final String field;

  /**
   * An error.
   *
   * @param kind {@code input}, {@code parameter} or {@code field}
   * @param field its name
   * @param problem what is wrong, and the remedy
   */
  public FieldException(String kind, String field, String problem) {
    super(kind + " '" + field + "' " + problem);
    this.field = field;
  }

  /**
   * Which one is wrong.
   *
   * @return its name
   */
  public String field() {
    return field;
  }
}
