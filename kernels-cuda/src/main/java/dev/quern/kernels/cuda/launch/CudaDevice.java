package dev.quern.kernels.cuda.launch;

import dev.quern.core.spi.Replay;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.driver.FunctionAttribute;
import dev.quern.kernels.cuda.driver.Grid;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A device as kernels use it: its context, its stream, its modules, loaded when they are first
 * asked for, and its {@link Status}. Safe to share between threads.
 */
public final class CudaDevice {
  /** Dynamic shared memory that a kernel gets without asking for it, on every device. */
  private static final int SHARED_BYTES_WITHOUT_ASKING = 48 << 10;

  private record FunctionName(String module, String function) {}

  private final DeviceContext context;
  private final CudaDriver driver;
  private final ThreadLocal<@Nullable Long> captured = new ThreadLocal<>();
  private final Status status;
  private final ModuleImages images;
  private final Map<Attribute, Integer> attributes = new EnumMap<>(Attribute.class);
  private final Map<String, Long> modules = new ConcurrentHashMap<>();
  private final Map<FunctionName, Long> functions = new ConcurrentHashMap<>();
  private final Map<Long, Integer> sharedBytes = new ConcurrentHashMap<>();

  /**
   * Opens a device.
   *
   * @param driver the driver
   * @param index the device, from 0
   * @param images the kernels
   */
  public CudaDevice(CudaDriver driver, int index, ModuleImages images) {
    this.context = new DeviceContext(driver, index);
    this.driver = driver;
    this.images = images;
    this.status = new Status(driver.hostAlloc(Status.BYTES));
    for (Attribute a : Attribute.values()) {
      attributes.put(a, driver.attribute(index, a));
    }
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
    makeCurrent();
    long f = function(module, function);
    makeCurrent();
    allowShared(f, grid.sharedBytes());
    return () -> {
      makeCurrent();
      driver.launch(f, grid, params, stream());
    };
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
    makeCurrent();
    long f = function(module, function);
    makeCurrent();
    allowShared(f, dynamicBytes);
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
   * Whether this thread's launches are recorded, not run.
   *
   * @return true during a capture
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

  private long function(String module, String name) {
    return functions.computeIfAbsent(
        new FunctionName(module, name),
        _ -> {
          long loaded = modules.computeIfAbsent(module, m -> driver.moduleLoad(images.image(m)));
          makeCurrent(); // waiting may have brought a virtual thread to another carrier
          return driver.function(loaded, name);
        });
  }

  /** More than 48 KiB of dynamic shared memory must be asked for, once per kernel and size. */
  private void allowShared(long function, int bytes) {
    if (bytes > SHARED_BYTES_WITHOUT_ASKING) {
      sharedBytes.compute(
          function,
          (f, allowed) -> {
            if (allowed != null && allowed >= bytes) {
              return allowed;
            }
            driver.setFunctionAttribute(f, FunctionAttribute.MOST_DYNAMIC_SHARED_BYTES, bytes);
            return bytes;
          });
    }
  }
}
