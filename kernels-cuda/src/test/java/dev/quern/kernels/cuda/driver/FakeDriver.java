package dev.quern.kernels.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A driver without a device, which does everything as late as a device may: a stream's work waits
 * until somebody waits for it. Kernels are what a test {@linkplain #kernels says}; handles are
 * checked; failures can be ordered.
 */
public final class FakeDriver implements CudaDriver {
  /** What a kernel does with a launch. */
  public interface FakeKernel {
    /** Runs it over the struct as it was at the launch. */
    void run(Grid grid, MemorySegment params);
  }

  private static final long CONTEXT = 7;
  private static final byte POISON = (byte) 0xff;

  public int version = 13_000;
  public int devices = 1;
  public int major = 9;
  public long totalBytes = 1L << 30;
  public int reservations;
  public int launches;
  public int graphLaunches;
  public int modulesLoaded;

  /** Kernels by name; a function that is not here is not found. */
  public final Map<String, FakeKernel> kernels = new HashMap<>();

  /** The next call of this name is refused with this code. */
  public final Map<String, String> refusals = new ConcurrentHashMap<>();

  /** All calls of this name are. */
  public final Map<String, String> refusalsForever = new ConcurrentHashMap<>();

  /** Whether waiting for a stream is refused after its work was done, not before. */
  public boolean afterWaiting;

  /** Uses of the primary context that were begun and not ended. */
  public int contexts;

  /** What was set of a function. */
  public final Map<String, Integer> dynamicSharedBytes = new ConcurrentHashMap<>();

  public final List<Grid> grids = new ArrayList<>();
  public final Set<Long> live = new HashSet<>();

  private final TreeMap<Long, MemorySegment> blocks = new TreeMap<>();
  private final Map<Long, Arena> pinned = new HashMap<>();
  private final Map<Long, String> functions = new HashMap<>();
  private final Map<Long, Queue<Runnable>> streams = new HashMap<>();
  private final Map<Long, List<Runnable>> captures = new HashMap<>();
  private final Map<Long, List<Runnable>> graphs = new HashMap<>();
  private final Map<Long, Integer> events = new HashMap<>();
  private final Map<Long, Long> eventStreams = new HashMap<>();
  private final ThreadLocal<@Nullable Long> current = new ThreadLocal<>();
  private long handles = 100;
  private long takenBytes;
  private long nextAddress = 1L << 44;

  private void call(String name) {
    String code = refusalsForever.getOrDefault(name, refusals.remove(name));
    if (code != null) {
      throw new CudaDriverException(name, code);
    }
  }

  private void callInContext(String name) {
    call(name);
    if (current.get() == null) {
      throw new CudaDriverException(name, "CUDA_ERROR_INVALID_CONTEXT");
    }
  }

  private long handle() {
    handles++;
    live.add(handles);
    return handles;
  }

  private void end(long handle) {
    if (!live.remove(handle)) {
      throw new AssertionError("handle " + handle + " was ended twice");
    }
  }

  @Override
  public int version() {
    call("cuDriverGetVersion");
    return version;
  }

  @Override
  public int deviceCount() {
    return devices;
  }

  @Override
  public String deviceName(int device) {
    return "Fake " + device;
  }

  @Override
  public long totalMemoryBytes(int device) {
    return totalBytes;
  }

  @Override
  public int attribute(int device, Attribute which) {
    return switch (which) {
      case MAJOR -> major;
      case MULTIPROCESSORS -> 132;
      case SHARED_PER_BLOCK_OPTIN -> 227 << 10;
      default -> 0;
    };
  }

  @Override
  public long retainPrimaryContext(int device) {
    call("cuDevicePrimaryCtxRetain");
    contexts++;
    return CONTEXT;
  }

  @Override
  public void releasePrimaryContext(int device) {
    contexts--;
  }

  @Override
  public void makeCurrent(long context) {
    current.set(context);
  }

  /** Forgets the thread's context, as on a thread that never had one. */
  public void leave() {
    current.remove();
  }

  @Override
  public synchronized long memAlloc(long bytes) {
    callInContext("cuMemAlloc");
    if (takenBytes + bytes > totalBytes) {
      throw new CudaDriverException("cuMemAlloc", CudaDriverException.OUT_OF_MEMORY);
    }
    reservations++;
    takenBytes += bytes;
    long address = nextAddress;
    nextAddress += bytes + (1 << 20);
    blocks.put(address, Arena.ofAuto().allocate(bytes, 256).fill(POISON));
    return address;
  }

  @Override
  public synchronized void memFree(long address) {
    callInContext("cuMemFree");
    streams.keySet().forEach(this::streamSynchronize); // as drivers do
    MemorySegment block = blocks.remove(address);
    if (block == null) {
      throw new CudaDriverException("cuMemFree", "CUDA_ERROR_INVALID_VALUE");
    }
    takenBytes -= block.byteSize();
  }

  @Override
  public synchronized MemoryInfo memInfo() {
    callInContext("cuMemGetInfo");
    return new MemoryInfo(totalBytes - takenBytes, totalBytes);
  }

  /** The host's memory behind a device address. */
  public synchronized MemorySegment at(long address, long bytes) {
    Map.Entry<Long, MemorySegment> block = blocks.floorEntry(address);
    if (block == null) {
      throw new CudaDriverException("kernel", "CUDA_ERROR_ILLEGAL_ADDRESS");
    }
    return block.getValue().asSlice(address - block.getKey(), bytes);
  }

  @Override
  public synchronized MemorySegment hostAlloc(long bytes) {
    callInContext("cuMemHostAlloc");
    Arena arena = Arena.ofShared();
    MemorySegment memory = arena.allocate(bytes, 256);
    live.add(memory.address());
    pinned.put(memory.address(), arena);
    return memory;
  }

  /** A copy that is still to come then throws: it may not be in flight. */
  @Override
  public synchronized void hostFree(MemorySegment memory) {
    end(memory.address());
    pinned.remove(memory.address()).close();
  }

  @Override
  public synchronized long streamCreate() {
    callInContext("cuStreamCreate");
    long stream = handle();
    streams.put(stream, new ArrayDeque<>());
    return stream;
  }

  @Override
  public long rawStream(long stream) {
    return stream;
  }

  @Override
  public synchronized void streamSynchronize(long stream) {
    if (!afterWaiting) {
      callInContext("cuStreamSynchronize");
    }
    Queue<Runnable> work = streams.get(stream);
    for (Runnable next = work.poll(); next != null; next = work.poll()) {
      next.run();
    }
    if (afterWaiting) {
      callInContext("cuStreamSynchronize");
    }
  }

  @Override
  public void streamWait(long stream, long event) {}

  @Override
  public synchronized void streamDestroy(long stream) {
    end(stream);
    streams.remove(stream);
  }

  private synchronized void put(long stream, Runnable work) {
    List<Runnable> captured = captures.get(stream);
    if (captured == null) {
      streams.get(stream).add(work);
    } else {
      captured.add(work);
    }
  }

  @Override
  public synchronized long eventCreate(boolean timed) {
    call("cuEventCreate");
    return handle();
  }

  @Override
  public synchronized void eventRecord(long event, long stream) {
    int turn = events.merge(event, 1, Integer::sum);
    eventStreams.put(event, stream);
    put(stream, () -> events.computeIfPresent(event, (_, latest) -> latest == turn ? 0 : latest));
  }

  @Override
  public synchronized void eventSynchronize(long event) {
    call("cuEventSynchronize");
    if (events.getOrDefault(event, 0) != 0) {
      streamSynchronize(eventStreams.get(event));
    }
  }

  @Override
  public float eventElapsedMillis(long from, long to) {
    return 1;
  }

  @Override
  public synchronized void eventDestroy(long event) {
    end(event);
    events.remove(event);
    eventStreams.remove(event);
  }

  @Override
  public void copyToDevice(long target, MemorySegment source, long bytes, long stream) {
    callInContext("cuMemcpyHtoDAsync");
    put(stream, () -> MemorySegment.copy(source, 0, at(target, bytes), 0, bytes));
  }

  @Override
  public void copyToHost(MemorySegment target, long source, long bytes, long stream) {
    callInContext("cuMemcpyDtoHAsync");
    put(stream, () -> MemorySegment.copy(at(source, bytes), 0, target, 0, bytes));
  }

  @Override
  public void copyOnDevice(long target, long source, long bytes, long stream) {
    callInContext("cuMemcpyDtoDAsync");
    put(stream, () -> MemorySegment.copy(at(source, bytes), 0, at(target, bytes), 0, bytes));
  }

  @Override
  public void fill(long target, byte value, long bytes, long stream) {
    callInContext("cuMemsetD8Async");
    put(stream, () -> at(target, bytes).fill(value));
  }

  @Override
  public synchronized long moduleLoad(byte[] image) {
    callInContext("cuModuleLoadData");
    modulesLoaded++;
    assertText(image);
    return handle();
  }

  private static void assertText(byte[] image) {
    if (!new String(image, StandardCharsets.UTF_8).startsWith("image of ")) {
      throw new CudaDriverException("cuModuleLoadData", "CUDA_ERROR_INVALID_IMAGE");
    }
  }

  @Override
  public synchronized void moduleUnload(long module) {
    end(module);
  }

  @Override
  public synchronized long function(long module, String name) {
    if (!kernels.containsKey(name)) {
      throw new CudaDriverException("cuModuleGetFunction of " + name, "CUDA_ERROR_NOT_FOUND");
    }
    long f = handle();
    functions.put(f, name);
    return f;
  }

  @Override
  public int functionAttribute(long function, FunctionAttribute which) {
    return 32;
  }

  @Override
  public synchronized void setFunctionAttribute(long function, FunctionAttribute which, int value) {
    if (which != FunctionAttribute.MOST_DYNAMIC_SHARED_BYTES) {
      throw new CudaDriverException("cuFuncSetAttribute", "CUDA_ERROR_INVALID_VALUE");
    }
    dynamicSharedBytes.merge(functions.get(function), value, Integer::max);
  }

  @Override
  public int occupancy(long function, int threads, int sharedBytes) {
    return 2048 / threads;
  }

  @Override
  public void launch(long function, Grid grid, MemorySegment params, long stream) {
    callInContext("cuLaunchKernelEx");
    String name;
    synchronized (this) {
      name = functions.get(function);
      launches++;
      grids.add(grid);
    }
    int allowed = dynamicSharedBytes.getOrDefault(name, 48 << 10);
    if (grid.sharedBytes() > allowed) {
      throw new CudaDriverException("cuLaunchKernelEx", "CUDA_ERROR_INVALID_VALUE");
    }
    MemorySegment struct = Arena.ofAuto().allocate(params.byteSize(), 64).copyFrom(params);
    put(stream, () -> kernels.get(name).run(grid, struct));
  }

  @Override
  public synchronized void captureBegin(long stream) {
    captures.put(stream, new ArrayList<>());
  }

  @Override
  public synchronized long captureEnd(long stream) {
    call("cuStreamEndCapture");
    long graph = handle();
    graphs.put(graph, captures.remove(stream));
    return graph;
  }

  @Override
  public synchronized long graphInstantiate(long graph) {
    call("cuGraphInstantiate");
    long executable = handle();
    graphs.put(executable, graphs.get(graph));
    return executable;
  }

  @Override
  public synchronized void graphDestroy(long graph) {
    end(graph);
    graphs.remove(graph);
  }

  @Override
  public synchronized void graphLaunch(long executable, long stream) {
    callInContext("cuGraphLaunch");
    graphLaunches++;
    List<Runnable> all = graphs.get(executable);
    put(stream, () -> all.forEach(Runnable::run));
  }

  @Override
  public synchronized void graphExecutableDestroy(long executable) {
    end(executable);
    graphs.remove(executable);
  }

  @Override
  public byte[] encodeTensorMap(TensorMap map) {
    return new byte[TensorMap.BYTES];
  }
}
