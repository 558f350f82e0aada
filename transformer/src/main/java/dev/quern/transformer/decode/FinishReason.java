package dev.quern.transformer.decode;

import java.util.Locale;

/** Why a generation ended. */
public enum FinishReason {
  /** The model chose an end token, or a stop token or stop string came. */
  STOP,
  /** The most tokens allowed were generated, or the context is full. */
  LENGTH,
  /** It was cancelled. */
  CANCELLED;

  /**
   * The reason as JSON has it.
   *
   * @return {@code stop}, {@code length} or {@code cancelled}
   */
  public String jsonName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The reason of a name.
   *
   * @param jsonName as {@link #jsonName} gives it
   * @return the reason
   * @throws IllegalArgumentException if there is none of that name
   */
  public static FinishReason of(String jsonName) {
    for (FinishReason r : values()) {
      if (r.jsonName().equals(jsonName)) {
        return r;
      }
    }
    throw new IllegalArgumentException(
        "finish reason '" + jsonName + "' is none of stop, length, cancelled");
  }
}
