package dev.quern.kernels.cuda;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.NamedCall;
import dev.quern.core.spi.Probe;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A device's kernels, of which {@link Faults} hears.
 *
 * @param kernels as they are
 * @param cuda where they run
 * @param faults hears of each call
 */
record WatchedKernels(KernelProvider kernels, CudaDevice cuda, Faults faults)
    implements KernelProvider {
  @Override
  public String name() {
    return kernels.name();
  }

  @Override
  public String device() {
    return kernels.device();
  }

  @Override
  public int priority() {
    return kernels.priority();
  }

  @Override
  public Probe probe() {
    return kernels.probe();
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    Kernel kernel = kernels.find(signature);
    return kernel == null ? null : new Watched(kernel, cuda, faults);
  }

  private record NamedWatched(String name, Runnable call) implements NamedCall {
    @Override
    public void run() {
      call.run();
    }
  }

  private record Watched(Kernel kernel, CudaDevice device, Faults faults) implements Kernel {
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
      Runnable call = faults.guard(() -> kernel.bind(args));
      Runnable watched = () -> run(args, call);
      return call instanceof NamedCall named ? new NamedWatched(named.name(), watched) : watched;
    }

    @Override
    public void run(KernelArgs args) {
      run(args, faults.guard(() -> kernel.bind(args)));
    }

    private void run(KernelArgs args, Runnable call) {
      if (device.isCapturing()) {
        call.run(); // nothing runs yet, and who captures hears of refusals
        return;
      }
      faults.note(args);
      faults.guard(call);
      if (faults.isSynchronous()) {
        long mark = faults.mark();
        faults.guard(device::synchronize);
        faults.forget(mark);
      }
    }
  }
}
