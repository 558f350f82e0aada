package dev.quern.kernels.cuda.kernel;

import dev.quern.core.spi.NamedCall;

/**
 * A call that says what it is.
 *
 * @param name for {@code explain}
 * @param call does it
 */
record NamedRunnable(String name, Runnable call) implements NamedCall {
  @Override
  public void run() {
    call.run();
  }
}
