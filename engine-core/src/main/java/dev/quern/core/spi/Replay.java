package dev.quern.core.spi;

/** A plan's calls as its device repeats them. For one thread at a time. */
public interface Replay extends AutoCloseable {
  /**
   * Does them all, some times over, with the slots as they are now; returns when the device has
   * been told, which may be before it is done.
   *
   * @param times how often, at least 1
   */
  void run(int times);

  /**
   * Frees what the device keeps for it, when its last run has ended. Called once, also for a plan
   * that was forgotten, and then on a thread of the collector's.
   */
  @Override
  void close();
}
