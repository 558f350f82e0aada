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
import dev.quern.kernels.cuda.memory.CudaMemory;
import dev.quern.kernels.cuda.memory.Staging;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Function;

/** An opened CUDA device: one stream, one pool, its kernels. */
final class CudaBackend implements Backend {
  private final Device device;
  private final CudaDevice cuda;
  private final CudaMemory memory;
  private final Staging staging;
  private final KernelRegistry kernels;
  private final Faults faults;

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
    this.faults = new Faults(device);
    this.kernels = KernelRegistry.of(new WatchedKernels(provider.apply(cuda), cuda, faults));
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
    faults.guard(() -> staging.download(source.address(), host.asSlice(0, source.byteSize())));
    afterWaiting();
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
    faults.guard(cuda.context()::synchronize);
    afterWaiting();
  }

  private void afterWaiting() {
    faults.forget();
    cuda.checkStatus();
  }

  @Override
  public Replay compile(List<Runnable> calls, MemorySegment slots, MemorySegment parameters) {
    Replay replay = faults.guard(() -> cuda.capture(calls, slots, parameters));
    return new Replay() {
      @Override
      public void run(int times) {
        faults.guard(() -> replay.run(times));
      }

      @Override
      public void close() {
        faults.guard(replay::close);
      }
    };
  }
}
