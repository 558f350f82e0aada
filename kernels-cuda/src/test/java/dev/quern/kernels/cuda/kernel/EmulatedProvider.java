package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The CUDA kernels over the host's own memory, which the emulated device can read: engines take
 * them for kernels of the processor, and every call waits for its end.
 */
final class EmulatedProvider implements KernelProvider {
  private final CudaDevice device;
  private final CudaKernels kernels;

  /** Over a device of compute capability 8.0. */
  EmulatedProvider() {
    this(new EmulatedDriver(Emulation.library()));
  }

  /** Over a driver's first device. */
  EmulatedProvider(EmulatedDriver driver) {
    device = new CudaDevice(driver, 0, _ -> new byte[0]);
    kernels = new CudaKernels(device);
  }

  @Override
  public String name() {
    return "emulated";
  }

  @Override
  public int priority() {
    return kernels.priority();
  }

  @Override
  public Probe probe() {
    return new Probe.Usable("the CUDA kernels on the processor");
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    Kernel kernel = kernels.find(signature);
    return kernel == null ? null : new Waiting(kernel, device);
  }

  private record Waiting(Kernel kernel, CudaDevice device) implements Kernel {
    @Override
    public String name() {
      return kernel.name();
    }

    @Override
    public long scratchBytes(List<TensorView> inputs, List<TensorView> outputs) {
      return kernel.scratchBytes(inputs, outputs);
    }

    @Override
    public Runnable bind(KernelArgs args) {
      Runnable call = kernel.bind(args);
      return () -> {
        call.run();
        device.synchronize();
      };
    }
  }
}
