package dev.quern.testkit;

import dev.quern.core.type.QuernException;
import org.jspecify.annotations.Nullable;

/**
 * A call whose values, not its shapes, are wrong: every kernel must refuse it with a typed error,
 * and must not have written to a buffer.
 *
 * @param call the call
 * @param error what it must throw
 * @param named what the message must contain: the wrong value
 */
record Refusal(KernelCase call, Class<? extends QuernException> error, String named) {
  /** What is wrong with an outcome, or null. */
  @Nullable String complaint(String way, Runnable run) {
    try {
      run.run();
    } catch (RuntimeException | AssertionError e) {
      String message = String.valueOf(e.getMessage());
      boolean right = error.isInstance(e) && message.contains(named);
      return right ? null : this + " " + way + ": threw " + e;
    }
    return this + " " + way + ": was not refused";
  }

  @Override
  public String toString() {
    return call + " with " + named;
  }
}
