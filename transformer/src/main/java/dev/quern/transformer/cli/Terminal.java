package dev.quern.transformer.cli;

import java.io.Console;

/** Whether somebody is watching. */
final class Terminal {
  private Terminal() {}

  /**
   * Whether progress should be shown.
   *
   * @return true if the process talks to a terminal
   */
  @SuppressWarnings("SystemConsoleNull") // it is null again since Java 25, where there is none
  static boolean isInteractive() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }
}
