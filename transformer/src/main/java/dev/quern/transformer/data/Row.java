package dev.quern.transformer.data;

import dev.quern.core.type.FormatException;

/**
 * Values by name that know where they stand, so that an error can say so: a line of a JSON Lines
 * file, or a row of an Arrow file. Immutable.
 */
public interface Row {
  /**
   * Whether a field is there, and not null.
   *
   * @param field its name
   * @return true if it has a value
   */
  boolean has(String field);

  /**
   * A text.
   *
   * @param field its name
   * @return the value
   * @throws FormatException if it is missing or something else
   */
  String text(String field);

  /**
   * A whole number, such as a label.
   *
   * @param field its name
   * @return the value
   * @throws FormatException if it is missing or something else
   */
  int integer(String field);

  /**
   * A number.
   *
   * @param field its name
   * @return the value
   * @throws FormatException if it is missing or something else
   */
  double number(String field);

  /**
   * A list of whole numbers, such as token ids.
   *
   * @param field its name
   * @return the values
   * @throws FormatException if it is missing or something else
   */
  int[] integers(String field);
}
