package dev.quern.core.type;

import org.jspecify.annotations.Nullable;

/**
 * Reads system properties strictly: a value that is not understood is an error, never a default.
 *
 * <p>Read them in methods and constructors, not in static initialisers, where an exception would
 * become an {@link ExceptionInInitializerError}.
 */
public final class Setting {
  private Setting() {}

  /**
   * A whole number.
   *
   * @param property its name
   * @param otherwise the value if it is not set
   * @param least the smallest value allowed
   * @param most the largest value allowed
   * @return the value
   * @throws SettingException if it is set to anything else
   */
  public static long number(String property, long otherwise, long least, long most) {
    String value = System.getProperty(property);
    if (value == null) {
      return otherwise;
    }
    String allowed = "a whole number from " + least + " to " + most;
    try {
      long number = Long.parseLong(value.strip());
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      throw new SettingException(refusal(property, value, allowed), e);
    }
    throw new SettingException(refusal(property, value, allowed));
  }

  /**
   * A choice between yes and no.
   *
   * @param property its name
   * @return whether it is {@code true}; false if it is not set
   * @throws SettingException if it is neither {@code true} nor {@code false}
   */
  public static boolean flag(String property) {
    String value = System.getProperty(property, "false");
    return switch (value.strip()) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new SettingException(refusal(property, value, "true or false"));
    };
  }

  /**
   * A text.
   *
   * @param property its name
   * @return the value, without blanks around it; null if it is not set or blank
   */
  public static @Nullable String text(String property) {
    String value = System.getProperty(property);
    return value == null || value.isBlank() ? null : value.strip();
  }

  /**
   * The message about a value that is not allowed.
   *
   * @param property its name
   * @param value what it is
   * @param allowed what it may be, as a phrase
   * @return the message
   */
  public static String refusal(String property, String value, String allowed) {
    return "-D" + property + "=" + value + " is not allowed; it takes " + allowed;
  }
}
