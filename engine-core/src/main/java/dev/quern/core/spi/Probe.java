package dev.quern.core.spi;

/** A backend's answer to "can you be used here?". */
public sealed interface Probe {
  /**
   * It can.
   *
   * @param detail what was found, for example {@code AVX-512 VNNI BF16, AMX}
   */
  record Usable(String detail) implements Probe {}

  /**
   * It can't.
   *
   * @param reason not usable because of this
   * @param remedy to fix it, do this
   */
  record Refused(String reason, String remedy) implements Probe {}

  /**
   * Whether it can be used.
   *
   * @return true for {@link Usable}
   */
  default boolean isUsable() {
    return this instanceof Usable;
  }
}
