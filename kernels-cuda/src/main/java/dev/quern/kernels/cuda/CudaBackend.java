package dev.quern.kernels.cuda;

import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelRegistry;
import dev.quern.core.spi.Replay;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.DeviceContext;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Stopwatch;
import dev.quern.kernels.cuda.memory.CudaMemory;
import dev.quern.kernels.cuda.memory.Staging;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Function;

/**
 * An opened CUDA device as an engine uses it: stream, pool, copies and modules are the process's,
 * kernels and what they find wrong in values the engine's.
 */
final class CudaBackend implements Backend {
  private final Device device;
  private final CudaDevice cuda;
  private final CudaMemory memory;
  private final Staging staging;
  private final KernelRegistry kernels;
  private final Faults faults;
  private final Function<CudaDevice, KernelProvider> provider;

  /**
   * A backend.
   *
   * @param cuda the device
   * @param memory its pool
   * @param provider makes its kernels
   */
  CudaBackend(CudaDevice cuda, CudaMemory memory, Function<CudaDevice, KernelProvider> provider) {
    this.device = memory.device();
    this.cuda = cuda;
    this.memory = memory;
    this.staging = new Staging(cuda.context());
    this.faults = new Faults(device, memory::usage);
    this.provider = provider;
    this.kernels = KernelRegistry.of(new WatchedKernels(provider.apply(cuda), cuda, faults));
    cuda.context().reclaimBy(memory::trim);
    cuda.context().lendBy(this::lend);
    memory.explainBy(faults::explain);
  }

  private long lend(long bytes) {
    MemorySegment lent = memory.take(bytes);
    cuda.context().endsWith(() -> memory.give(lent));
    return lent.address();
  }

  private CudaBackend(CudaBackend shared) {
    this.device = shared.device;
    this.cuda = shared.cuda.forEngine();
    this.memory = shared.memory;
    this.staging = shared.staging;
    this.faults = shared.faults;
    this.provider = shared.provider;
    this.kernels = KernelRegistry.of(new WatchedKernels(provider.apply(cuda), cuda, faults));
  }

  @Override
  public Backend forEngine() {
    return faults.guard(() -> new CudaBackend(this));
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public DeviceMemory memory() {
    return memory;
  }

  @Override
  public KernelRegistry kernels() {
    return kernels;
  }

  @Override
  public void upload(MemorySegment host, MemorySegment target) {
    faults.guard(() -> staging.upload(host, target.address()));
  }

  @Override
  public void download(MemorySegment source, MemorySegment host) {
    long mark = faults.mark();
    faults.guard(() -> staging.download(source.address(), host.asSlice(0, source.byteSize())));
    afterWaiting(mark);
  }

  @Override
  public void copy(MemorySegment source, MemorySegment target) {
    if (source.byteSize() > 0) {
      faults.guard(
          () ->
              put(
                  (driver, stream) ->
                      driver.copyOnDevice(
                          target.address(), source.address(), source.byteSize(), stream)));
    }
  }

  @Override
  public void zero(MemorySegment target) {
    if (target.byteSize() > 0) {
      faults.guard(
          () ->
              put(
                  (driver, stream) ->
                      driver.fill(target.address(), (byte) 0, target.byteSize(), stream)));
    }
  }

  private interface Work {
    void run(CudaDriver driver, long stream);
  }

  private void put(Work work) {
    DeviceContext context = cuda.context();
    context.enter();
    work.run(context.driver(), context.stream());
  }

  @Override
  public void synchronize() {
    long mark = faults.mark();
    faults.guard(cuda.context()::synchronize);
    afterWaiting(mark);
  }

  @Override
  public double[] time(int times, Runnable before, Runnable work) {
    double[] nanos = faults.guard(() -> new Stopwatch(cuda).nanos(times, before, work));
    synchronize();
    return nanos;
  }

  private void afterWaiting(long mark) {
    faults.forget(mark);
    cuda.checkStatus();
  }

  @Override
  public Replay compile(
      String plan, List<Runnable> calls, MemorySegment slots, MemorySegment parameters) {
    if (faults.isSynchronous()) {
      return new CallByCall(this, List.copyOf(calls), slots, parameters);
    }
    Replay replay = faults.guard(() -> cuda.capture(calls, slots, parameters));
    return new Graph(new Faults.Replayed(plan, calls.size()), replay, faults);
  }

  /** One call of the driver: a fault within it is known to be the plan's, and no more. */
  private record Graph(Faults.Replayed plan, Replay replay, Faults faults) implements Replay {
    @Override
    public void run(int times) {
      faults.note(plan);
      faults.guard(() -> replay.run(times));
    }

    @Override
    public void close() {
      faults.guard(replay::close);
    }
  }

  /** Each call is launched and waited for, so a fault is the call's own. */
  private record CallByCall(
      CudaBackend backend, List<Runnable> calls, MemorySegment slots, MemorySegment parameters)
      implements Replay {
    @Override
    public void run(int times) {
      if (slots.byteSize() > 0) {
        backend.upload(slots, parameters);
      }
      for (int i = 0; i < times; i++) {
        calls.forEach(Runnable::run);
      }
    }

    @Override
    public void close() {}
  }
}
