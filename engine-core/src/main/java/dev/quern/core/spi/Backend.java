package dev.quern.core.spi;

import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.type.Device;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * An opened device: its memory, its kernels, and what moves bytes. Safe to share between threads.
 *
 * <p>What it is given to do is done in that order, kernels included, whether or not a call returns
 * before it is done. So memory may be given back, and taken by somebody else, while the device
 * still works in it.
 */
public interface Backend {
  /**
   * The device.
   *
   * @return as users name it
   */
  Device device();

  /**
   * The same device for one engine more: memory, order and copies are shared, and what kernels find
   * wrong in values is told to the engine alone whose calls they were.
   *
   * @return this, where calls say what is wrong before they return
   */
  default Backend forEngine() {
    return this;
  }

  /**
   * Its memory.
   *
   * @return what tensors on it take
   */
  DeviceMemory memory();

  /**
   * Its kernels.
   *
   * @return the registry they are chosen from
   */
  KernelRegistry kernels();

  /**
   * Copies to the device. The source may be changed, and freed, as soon as this returns.
   *
   * @param host memory of the host, on the heap or off it
   * @param target memory of the device, at least as large
   */
  void upload(MemorySegment host, MemorySegment target);

  /**
   * Copies to the host, and waits until the bytes are there.
   *
   * @param source memory of the device
   * @param host memory of the host, on the heap or off it, at least as large
   * @throws dev.quern.core.type.QuernException what a kernel found wrong since the device was last
   *     waited for
   */
  void download(MemorySegment source, MemorySegment host);

  /**
   * Copies within the device.
   *
   * @param source memory of the device
   * @param target memory of the device, at least as large, elsewhere
   */
  void copy(MemorySegment source, MemorySegment target);

  /**
   * Fills with zeros.
   *
   * @param target memory of the device
   */
  void zero(MemorySegment target);

  /**
   * Waits until all is done.
   *
   * @throws dev.quern.core.type.QuernException what a kernel found wrong since the device was last
   *     waited for
   */
  void synchronize();

  /**
   * How long the device takes for what it is given by some code, by its own clock where it has one.
   * It is given everything in one go, so that it never waits for the host if the host is faster;
   * returns when all is done.
   *
   * @param times how often, at least 1
   * @param before gives the device something before each run that is not counted, such as what
   *     empties its caches
   * @param work gives the device what is timed
   * @return nanoseconds of each run, in order
   * @throws dev.quern.core.type.QuernException what a kernel found wrong since the device was last
   *     waited for
   */
  default double[] time(int times, Runnable before, Runnable work) {
    double[] nanos = new double[times];
    for (int i = 0; i < times; i++) {
      before.run();
      synchronize();
      long from = System.nanoTime();
      work.run();
      synchronize();
      nanos[i] = System.nanoTime() - from;
    }
    return nanos;
  }

  /**
   * Makes calls into one that can be repeated at little cost.
   *
   * @param plan whose calls they are, for errors
   * @param calls of kernels of this device, in order
   * @param slots host memory that is read at each run, before the run returns; 0 bytes if nothing
   *     is
   * @param parameters memory of the device, where the calls find it
   * @return copies the slots, then does the calls
   */
  Replay compile(String plan, List<Runnable> calls, MemorySegment slots, MemorySegment parameters);
}
