package dev.quern.kernels.cuda.launch;

import dev.quern.core.spi.Replay;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.driver.TensorMap;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A device as the kernels of one engine use it: its context, its stream and its modules, which all
 * engines share, and the engine's own {@link Status}. Safe to share between threads.
 */
public final class CudaDevice {
  private final DeviceContext context;
  private final CudaDriver driver;
  private final ThreadLocal<@Nullable Long> captured;
  private final StatusRecords records;
  private final Status status;
  private final Modules modules;
  private final Map<Class<?>, Object> shared;
  private final Map<Attribute, Integer> attributes;

  /**
   * Opens a device.
   *
   * @param driver the driver
   * @param index the device, from 0
   * @param images the kernels
   */
  public CudaDevice(CudaDriver driver, int index, ModuleImages images) {
    this.driver = driver;
    this.attributes = new EnumMap<>(Attribute.class);
    for (Attribute a : Attribute.values()) {
      attributes.put(a, driver.attribute(index, a));
    }
    this.context = new DeviceContext(driver, index);
    this.captured = new ThreadLocal<>();
    this.records = new StatusRecords(context);
    this.modules = new Modules(context, images);
    this.shared = new ConcurrentHashMap<>();
    try {
      this.status = records.take();
    } catch (RuntimeException e) {
      context.close();
      throw e;
    }
  }

  private CudaDevice(CudaDevice shared) {
    this.driver = shared.driver;
    this.attributes = shared.attributes;
    this.context = shared.context;
    this.captured = shared.captured;
    this.records = shared.records;
    this.modules = shared.modules;
    this.shared = shared.shared;
    this.status = records.take();
  }

  /**
   * The same device for another engine: what its kernels complain of, it hears alone.
   *
   * @return all that is this device's, with a status of its own
   */
  public CudaDevice forEngine() {
    return new CudaDevice(this);
  }

  /**
   * What all engines of this device have together, beside its modules.
   *
   * @param kind what it is
   * @param make makes it, when the first engine asks
   * @param <T> what it is
   * @return the same for all engines
   */
  public <T> T shared(Class<T> kind, Supplier<T> make) {
    return kind.cast(shared.computeIfAbsent(kind, _ -> make.get()));
  }

  /**
   * The driver.
   *
   * @return as it was given
   */
  public CudaDriver driver() {
    return driver;
  }

  /**
   * Its context and stream.
   *
   * @return what memory is taken from, and copied in
   */
  public DeviceContext context() {
    return context;
  }

  /**
   * Which device.
   *
   * @return from 0
   */
  public int index() {
    return context.index();
  }

  /**
   * A property of the device.
   *
   * @param which property
   * @return its value
   */
  public int attribute(Attribute which) {
    return attributes.getOrDefault(which, 0);
  }

  /**
   * Where kernels complain of values: see {@link Status}.
   *
   * @return pinned memory of {@link Status#BYTES} bytes, at the same address on host and device
   */
  public MemorySegment status() {
    return status.memory();
  }

  /**
   * The number that a kernel writes into the status for a kind of value.
   *
   * @param op the operation's name
   * @param role which of its inputs, as the CPU's kernels call it in their messages
   * @return 0, 1, 2...
   */
  public int site(String op, String role) {
    return status.site(op, role);
  }

  /**
   * A call of a kernel, ready to be launched on the device's stream as often as wanted.
   *
   * @param module the module's name: its source file without {@code .cu}
   * @param function the kernel's name as {@code extern "C"} declares it
   * @param grid how many blocks and threads
   * @param params its struct, from {@link Params#build}
   * @return launches it; returns before it is done
   */
  public Runnable call(String module, String function, Grid grid, MemorySegment params) {
    long f = modules.function(module, function, grid.sharedBytes());
    return () -> launch(f, grid, params);
  }

  private void launch(long function, Grid grid, MemorySegment params) {
    makeCurrent();
    Long other = captured.get();
    if (other != null) {
      driver.launch(function, grid, params, other);
      return;
    }
    try {
      driver.launch(function, grid, params, context.stream());
    } catch (CudaDriverException e) {
      if (!context.makesRoom(e)) { // a kernel may need memory when it is first launched
        throw e;
      }
      driver.launch(function, grid, params, context.stream());
    }
  }

  /**
   * How many blocks of a kernel a multiprocessor keeps at once.
   *
   * @param module the module's name
   * @param function the kernel's name
   * @param threads of a block
   * @param dynamicBytes dynamic shared memory of a block
   * @return 0 or more
   */
  public int occupancy(String module, String function, int threads, int dynamicBytes) {
    long f = modules.function(module, function, dynamicBytes);
    makeCurrent();
    return driver.occupancy(f, threads, dynamicBytes);
  }

  /**
   * The stream that this thread's launches go to.
   *
   * @return the device's, or the one that is being captured on this thread
   */
  public long stream() {
    Long other = captured.get();
    return other == null ? context.stream() : other;
  }

  /**
   * Whether launches of this thread are noted for a graph, and not run.
   *
   * @return true within {@link #capture}
   */
  public boolean isCapturing() {
    return captured.get() != null;
  }

  /** Runs launches into another stream than the device's. */
  void launchInto(long stream, Runnable launches) {
    captured.set(stream);
    try {
      launches.run();
    } finally {
      captured.remove();
    }
  }

  /**
   * Captures launches, to repeat them all with one call of the driver.
   *
   * @param calls what {@link #call} returned, in order
   * @param slots host memory that is read at each run, before the run returns
   * @param parameters device memory that the slots are copied to before the launches
   * @return the replay; closing it waits until its last run has read the slots
   */
  public Replay capture(List<Runnable> calls, MemorySegment slots, MemorySegment parameters) {
    return new GraphReplay(this, calls, slots, parameters.address());
  }

  /**
   * Describes a tensor to the copy engine, also on a thread that has called nothing yet.
   *
   * @param map what it is to say
   * @return the 128 bytes that a kernel takes
   */
  public byte[] encode(TensorMap map) {
    makeCurrent();
    return driver.encodeTensorMap(map);
  }

  /** Makes the device's context the calling thread's. */
  public void makeCurrent() {
    context.enter();
  }

  /**
   * Waits until all that was launched is done.
   *
   * @throws dev.quern.core.type.IndexException if a kernel met a value that it can't use
   */
  public void synchronize() {
    context.synchronize();
    status.check();
  }

  /**
   * Looks at the status, after the device was waited for.
   *
   * @throws dev.quern.core.type.IndexException if a kernel met a value that it can't use
   */
  public void checkStatus() {
    status.check();
  }
}
