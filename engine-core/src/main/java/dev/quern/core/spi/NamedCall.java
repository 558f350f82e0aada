package dev.quern.core.spi;

/**
 * A bound call that says more exactly than its kernel what runs, because the kernel chose by the
 * extents that it was bound to.
 */
public interface NamedCall extends Runnable {
  /**
   * What {@code explain} calls it, in the place of {@link Kernel#name}.
   *
   * @return for example {@code linear cuda wgmma 128x256}
   */
  String name();
}
