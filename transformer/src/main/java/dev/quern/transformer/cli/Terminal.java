package dev.quern.transformer.cli;

import dev.quern.core.type.Setting;

/** Whether somebody is watching. */
final class Terminal {
  private Terminal() {}

  /**
   * Whether progress should be shown on standard error. {@code bin/quern} says so with {@code
   * -Dquern.terminal}: Java's console knows of standard input and output alone.
   *
   * @return true if standard error is a terminal
   */
  static boolean isInteractive() {
    return Setting.flag("quern.terminal");
  }
}
