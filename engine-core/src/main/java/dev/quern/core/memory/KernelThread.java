package dev.quern.core.memory;

/** A thread of the kernel pool. Such threads compute and never own tensors. */
public final class KernelThread extends Thread {
  /**
   * A daemon thread.
   *
   * @param work what it runs
   * @param name its name
   */
  public KernelThread(Runnable work, String name) {
    super(work, name);
    setDaemon(true);
  }
}
