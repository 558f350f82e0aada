package dev.quern.transformer.data;

import java.io.Serial;

/** A split whose parts share examples, so that validation would praise what was learnt by heart. */
public final class LeakException extends DataException {
  @Serial private static final long serialVersionUID = 1L;

  private final transient LeakReport report;

  /**
   * An error.
   *
   * @param report what was found
   */
  public LeakException(LeakReport report) {
    super("[split] " + report + "; remove duplicates before splitting");
    this.report = report;
  }

  /**
   * What was found.
   *
   * @return the report
   */
  public LeakReport report() {
    return report;
  }
}
