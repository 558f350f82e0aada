package dev.quern.kernels.cuda.kernel;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.FunctionAttribute;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.driver.TensorMap;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A driver whose device is the processor: kernels run in {@link Emulation}'s library, at once.
 * Device memory is the host's, poisoned when it is taken and watched by guards when it is given
 * back; graphs are lists of what was captured. Each launch is held against what the kernel
 * declares: its name, the size of its struct, its threads, and the shared memory that was asked for
 * it.
 */
@SuppressWarnings("restricted") // it calls the emulation, and reads what it was given addresses of
final class EmulatedDriver implements CudaDriver {
  private static final long GUARD_BYTES = 256;
  private static final long TOTAL_BYTES = 8L << 30;
  private static final byte POISON = (byte) 0xff;
  private static final byte GUARD = 0x5a;
  private static final int SHARED_WITHOUT_ASKING = 48 << 10;

  private record Block(Arena arena, MemorySegment all, long bytes) {}

  /** What the next measurements say; afterwards everything takes no time. */
  final Queue<Float> times = new ConcurrentLinkedQueue<>();

  /** Whether the driver describes no tensor to the copy engine. */
  volatile boolean refusesTensorMaps;

  private final MethodHandle find;
  private final MethodHandle params;
  private final MethodHandle launch;
  private final MethodHandle message;
  private final TreeMap<Long, Block> blocks = new TreeMap<>();
  private final Map<Long, List<Runnable>> graphs = new HashMap<>();
  private final Map<Long, Long> parameterBytes = new HashMap<>();
  private final Map<Long, Integer> sharedBytes = new HashMap<>(); // that were asked for
  private @Nullable List<Runnable> captured;
  private final ThreadLocal<@Nullable Boolean> current = new ThreadLocal<>(); // context
  private final AtomicLong waits = new AtomicLong();
  private final AtomicLong graphLaunches = new AtomicLong();
  private final AtomicLong launches = new AtomicLong();
  private long handles;
  private long taken;

  private final int major;
  private final int minor;
  private final Set<String> functions = ConcurrentHashMap.newKeySet();

  /** A driver over the library of a path, of compute capability 8.0. */
  EmulatedDriver(Path library) {
    this(library, 8);
  }

  /** A driver over the library of a path, of a compute capability's first number. */
  EmulatedDriver(Path library, int major) {
    this(library, major, 0);
  }

  /** A driver over the library of a path, of a compute capability. */
  EmulatedDriver(Path library, int major, int minor) {
    this.major = major;
    this.minor = minor;
    SymbolLookup symbols = SymbolLookup.libraryLookup(library, Arena.global());
    find = handle(symbols, "find", FunctionDescriptor.of(ADDRESS, ADDRESS));
    params = handle(symbols, "params", FunctionDescriptor.of(JAVA_LONG, ADDRESS));
    message = handle(symbols, "message", FunctionDescriptor.of(ADDRESS));
    launch =
        handle(
            symbols,
            "launch",
            FunctionDescriptor.of(
                JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  }

  /** How often the host waited for the device. */
  long waits() {
    return waits.get();
  }

  /** How many kernels were run. */
  long launches() {
    return launches.get();
  }

  /** How many graphs were launched. */
  long graphLaunches() {
    return graphLaunches.get();
  }

  /** Names of the kernels that were looked up, for launches. */
  Set<String> functions() {
    return functions;
  }

  private static MethodHandle handle(SymbolLookup symbols, String name, FunctionDescriptor type) {
    return Linker.nativeLinker()
        .downcallHandle(symbols.findOrThrow("quern_emulation_" + name), type);
  }

  @Override
  public int version() {
    return 13_000;
  }

  @Override
  public int deviceCount() {
    return 1;
  }

  @Override
  public String deviceName(int device) {
    return "Emulated";
  }

  @Override
  public long totalMemoryBytes(int device) {
    return TOTAL_BYTES;
  }

  @Override
  public int attribute(int device, Attribute which) {
    return switch (which) {
      case WARP_THREADS -> 32;
      case REGISTERS_PER_BLOCK, REGISTERS_PER_MULTIPROCESSOR -> 65_536;
      case MULTIPROCESSORS -> 4; // few, so that kernels that stay resident take several turns
      case L2_BYTES -> 192 << 10; // little, so that few heads' keys fill it
      case THREADS_PER_MULTIPROCESSOR -> 2_048;
      case UNIFIED_ADDRESSING -> 1;
      case MAJOR -> major;
      case MINOR -> minor;
      case SHARED_PER_MULTIPROCESSOR -> sharedBytes();
      case SHARED_PER_BLOCK_OPTIN -> sharedBytes() - 1024;
      default -> 1;
    };
  }

  /** Of 8.0, of 8.6 and 8.9, of 9.0. */
  private int sharedBytes() {
    return (major > 8 ? 228 : minor == 0 ? 164 : 100) << 10;
  }

  @Override
  public long retainPrimaryContext(int device) {
    return 1;
  }

  @Override
  public void releasePrimaryContext(int device) {}

  @Override
  public void makeCurrent(long context) {
    current.set(true);
  }

  private void requireContext(String call) {
    if (current.get() == null) {
      throw new CudaDriverException(call, "CUDA_ERROR_INVALID_CONTEXT");
    }
  }

  @Override
  public synchronized long memAlloc(long bytes) {
    requireContext("cuMemAlloc");
    if (taken + bytes > TOTAL_BYTES) {
      throw new CudaDriverException("cuMemAlloc", CudaDriverException.OUT_OF_MEMORY);
    }
    Arena arena = Arena.ofShared();
    MemorySegment all = arena.allocate(bytes + 2 * GUARD_BYTES, GUARD_BYTES);
    all.fill(GUARD);
    all.asSlice(GUARD_BYTES, bytes).fill(POISON);
    long address = all.address() + GUARD_BYTES;
    blocks.put(address, new Block(arena, all, bytes));
    taken += bytes;
    return address;
  }

  @Override
  public synchronized void memFree(long address) {
    requireContext("cuMemFree");
    Block b = blocks.remove(address);
    if (b == null) {
      throw new CudaDriverException("cuMemFree", "CUDA_ERROR_INVALID_VALUE");
    }
    taken -= b.bytes();
    boolean intact = true;
    for (long i = 0; i < GUARD_BYTES; i++) {
      intact &= b.all().get(JAVA_BYTE, i) == GUARD;
      intact &= b.all().get(JAVA_BYTE, GUARD_BYTES + b.bytes() + i) == GUARD;
    }
    b.arena().close();
    if (!intact) {
      throw new AssertionError("a kernel wrote outside a block of " + b.bytes() + " bytes");
    }
  }

  @Override
  public synchronized MemoryInfo memInfo() {
    requireContext("cuMemGetInfo");
    return new MemoryInfo(TOTAL_BYTES - taken, TOTAL_BYTES);
  }

  @Override
  public MemorySegment hostAlloc(long bytes) {
    requireContext("cuMemHostAlloc");
    return Arena.ofAuto().allocate(bytes, GUARD_BYTES);
  }

  @Override
  public void hostFree(MemorySegment pinned) {}

  @Override
  public synchronized long streamCreate() {
    requireContext("cuStreamCreate");
    return ++handles;
  }

  @Override
  public long rawStream(long stream) {
    return stream;
  }

  @Override
  public void streamSynchronize(long stream) {
    waits.incrementAndGet();
  }

  @Override
  public void streamWait(long stream, long event) {}

  @Override
  public void streamDestroy(long stream) {}

  @Override
  public synchronized long eventCreate(boolean timed) {
    requireContext("cuEventCreate");
    return ++handles;
  }

  @Override
  public void eventRecord(long event, long stream) {}

  @Override
  public void eventSynchronize(long event) {
    waits.incrementAndGet();
  }

  @Override
  public float eventElapsedMillis(long from, long to) {
    Float next = times.poll();
    return next == null ? 0 : next;
  }

  @Override
  public void eventDestroy(long event) {}

  @Override
  public void copyToDevice(long target, MemorySegment source, long bytes, long stream) {
    put(() -> MemorySegment.copy(source, 0, at(target, bytes), 0, bytes));
  }

  @Override
  public void copyToHost(MemorySegment target, long source, long bytes, long stream) {
    put(() -> MemorySegment.copy(at(source, bytes), 0, target, 0, bytes));
  }

  @Override
  public void copyOnDevice(long target, long source, long bytes, long stream) {
    put(() -> MemorySegment.copy(at(source, bytes), 0, at(target, bytes), 0, bytes));
  }

  @Override
  public void fill(long target, byte value, long bytes, long stream) {
    put(() -> at(target, bytes).fill(value));
  }

  private static MemorySegment at(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  @Override
  public synchronized long moduleLoad(byte[] image) {
    requireContext("cuModuleLoadData");
    return ++handles;
  }

  @Override
  public void moduleUnload(long module) {}

  @Override
  public synchronized long function(long module, String name) {
    requireContext("cuModuleGetFunction");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = (MemorySegment) find.invokeExact(arena.allocateFrom(name));
      if (found.address() == 0) {
        throw new CudaDriverException("cuModuleGetFunction " + name, "CUDA_ERROR_NOT_FOUND");
      }
      functions.add(name);
      parameterBytes.put(found.address(), (long) params.invokeExact(found));
      return found.address();
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public int functionAttribute(long function, FunctionAttribute which) {
    return 0;
  }

  @Override
  public synchronized void setFunctionAttribute(long function, FunctionAttribute which, int value) {
    requireContext("cuFuncSetAttribute");
    if (which != FunctionAttribute.MOST_DYNAMIC_SHARED_BYTES
        || value > attribute(0, Attribute.SHARED_PER_BLOCK_OPTIN)) {
      throw new CudaDriverException("cuFuncSetAttribute", "CUDA_ERROR_INVALID_VALUE");
    }
    sharedBytes.put(function, value);
  }

  @Override
  public int occupancy(long function, int threads, int sharedBytes) {
    return 2;
  }

  @Override
  public void launch(long function, Grid grid, MemorySegment struct, long stream) {
    long declared;
    synchronized (this) {
      declared = parameterBytes.get(function);
      if (grid.sharedBytes() > sharedBytes.getOrDefault(function, SHARED_WITHOUT_ASKING)) {
        throw new CudaDriverException("cuLaunchKernelEx", "CUDA_ERROR_INVALID_VALUE");
      }
    }
    if (struct.byteSize() != declared) {
      throw new AssertionError(
          "the kernel takes a struct of %d bytes, not %d".formatted(declared, struct.byteSize()));
    }
    MemorySegment copy =
        Arena.ofAuto().allocate(Math.max(1, declared), TensorMap.ALIGNMENT).copyFrom(struct);
    put(() -> run(function, grid, copy));
  }

  private void run(long function, Grid g, MemorySegment struct) {
    launches.incrementAndGet();
    try {
      int wrong =
          (int)
              launch.invokeExact(
                  MemorySegment.ofAddress(function),
                  g.x(),
                  g.y(),
                  g.z(),
                  g.threads(),
                  g.sharedBytes(),
                  struct);
      if (wrong != 0) {
        MemorySegment said = (MemorySegment) message.invokeExact();
        throw new AssertionError(said.reinterpret(Long.MAX_VALUE).getString(0));
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /** Does it now, or notes it for a graph; one at a time, since the emulation has one of each. */
  private synchronized void put(Runnable work) {
    requireContext("a call that puts work into a stream");
    if (captured == null) {
      work.run();
    } else {
      captured.add(work);
    }
  }

  @Override
  public synchronized void captureBegin(long stream) {
    requireContext("cuStreamBeginCapture");
    captured = new ArrayList<>();
  }

  @Override
  public synchronized long captureEnd(long stream) {
    List<Runnable> all = captured == null ? List.of() : List.copyOf(captured);
    captured = null;
    graphs.put(++handles, all);
    return handles;
  }

  @Override
  public synchronized long graphInstantiate(long graph) {
    graphs.put(++handles, graphs.get(graph));
    return handles;
  }

  @Override
  public synchronized void graphDestroy(long graph) {
    graphs.remove(graph);
  }

  @Override
  public synchronized void graphLaunch(long executable, long stream) {
    graphLaunches.incrementAndGet();
    graphs.get(executable).forEach(Runnable::run);
  }

  @Override
  public synchronized void graphExecutableDestroy(long executable) {
    graphs.remove(executable);
  }

  /** What {@code async.hpp} reads as a TensorMap, with what the driver checks. */
  @Override
  public byte[] encodeTensorMap(TensorMap map) {
    requireContext("cuTensorMapEncodeTiled");
    int rank = map.extents().size();
    int size = map.elementType() == 0 ? 1 : map.elementType() == 7 ? 4 : 2;
    boolean right =
        map.address() % 16 == 0
            && map.stridesBytes().stream().allMatch(b -> b > 0 && b % 16 == 0 && b < 1L << 40)
            && map.extents().stream().allMatch(e -> e > 0 && e <= 1L << 32)
            && map.box().stream().allMatch(b -> b > 0 && b <= 256)
            && map.box().getFirst() * size % 16 == 0
            && (map.swizzle() != 3 || map.box().getFirst() * size <= 128);
    if (!right || refusesTensorMaps) {
      throw new CudaDriverException("cuTensorMapEncodeTiled", "CUDA_ERROR_INVALID_VALUE");
    }
    ByteBuffer b = ByteBuffer.allocate(TensorMap.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    b.putInt(0x70616d71).put((byte) map.elementType()).put((byte) rank).put((byte) map.swizzle());
    b.putLong(8, map.address());
    for (int i = 0; i < rank; i++) {
      b.putLong(16 + 8 * i, map.extents().get(i));
      b.putInt(88 + 4 * i, map.box().get(i));
      if (i > 0) {
        b.putLong(56 + 8 * (i - 1), map.stridesBytes().get(i - 1));
      }
    }
    return b.array();
  }
}
