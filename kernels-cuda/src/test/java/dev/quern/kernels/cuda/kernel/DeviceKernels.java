package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.memory.CudaMemory;
import dev.quern.kernels.cuda.memory.Staging;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The CUDA kernels as kernels of the processor: a call copies its operands to the device, runs
 * there, waits, and copies results and operands back, those too that it should only have read. A
 * bound call holds its memory of the device until the next one is bound. Not for several threads.
 */
final class DeviceKernels implements KernelProvider {
  private final CudaDevice device;
  private final CudaKernels kernels;
  private final CudaMemory memory;
  private final Staging staging;
  private final List<MemorySegment> held = new ArrayList<>();

  DeviceKernels(CudaDevice device) {
    this.device = device;
    this.kernels = new CudaKernels(device);
    // Each piece a region of its own: drivers and tools that watch a region's ends see who leaves.
    this.memory = new CudaMemory(device.context(), Device.cuda(0), Long.MAX_VALUE, true);
    this.staging = new Staging(device.context());
  }

  @Override
  public String name() {
    return "device";
  }

  @Override
  public int priority() {
    return kernels.priority();
  }

  @Override
  public Probe probe() {
    return new Probe.Usable("the CUDA kernels, over memory of the host");
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    Kernel kernel = kernels.find(signature);
    return kernel == null ? null : new Copying(kernel);
  }

  /** The memory of one call, here and there; operands that share memory share it there too. */
  private final class Twins {
    private final Map<Long, MemorySegment> hosts = new LinkedHashMap<>();
    private final Map<Long, MemorySegment> devices = new LinkedHashMap<>();

    MemorySegment of(MemorySegment host) {
      hosts.merge(host.address(), host, (a, b) -> a.byteSize() >= b.byteSize() ? a : b);
      return devices
          .computeIfAbsent(
              host.address(),
              _ -> {
                MemorySegment there = memory.take(Math.max(1, host.byteSize()));
                held.add(there);
                return there;
              })
          .asSlice(0, host.byteSize());
    }

    List<TensorView> of(List<TensorView> views) {
      return views.stream()
          .map(v -> new TensorView(v.dtype(), v.layout(), of(v.segment())))
          .toList();
    }

    void upload() {
      hosts.forEach((at, host) -> staging.upload(host, devices.get(at).address()));
    }

    void download() {
      hosts.forEach((at, host) -> staging.download(devices.get(at).address(), host));
    }
  }

  private void release() {
    device.context().synchronize();
    held.forEach(memory::give);
    held.clear();
    memory.trim();
  }

  private final class Copying implements Kernel {
    private final Kernel kernel;

    Copying(Kernel kernel) {
      this.kernel = kernel;
    }

    @Override
    public String name() {
      return kernel.name();
    }

    @Override
    public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
      return kernel.scratchBytes(inputs, outputs);
    }

    /**
     * Results, and scratch in the first run, are what the driver gave: nobody has written there.
     */
    @Override
    public Runnable bind(KernelArgs args) {
      release();
      Twins inputs = new Twins();
      Twins outputs = new Twins();
      Twins scratch = new Twins();
      Runnable call =
          kernel.bind(
              new KernelArgs(
                  args.op(),
                  inputs.of(args.inputs()),
                  outputs.of(args.outputs()),
                  args.precision(),
                  args.pool(),
                  scratch.of(args.scratch())));
      AtomicBoolean again = new AtomicBoolean();
      return () -> {
        inputs.upload();
        if (again.getAndSet(true)) {
          scratch.upload();
        }
        call.run();
        try {
          device.synchronize();
        } finally {
          inputs.download();
          outputs.download();
        }
      };
    }
  }
}
