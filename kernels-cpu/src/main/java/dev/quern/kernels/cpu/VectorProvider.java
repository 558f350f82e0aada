package dev.quern.kernels.cpu;

import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import org.jspecify.annotations.Nullable;

/**
 * Kernels written with the Vector API: pure Java, any vector width. Loads without the API's module
 * and then says what to do about it.
 */
public final class VectorProvider implements KernelProvider {
  private static final String MODULE = "jdk.incubator.vector";
  private static final String KERNELS = "dev.quern.kernels.cpu.VectorKernels";

  private @Nullable KernelSource kernels;

  /** A provider; {@link #probe} finds out whether it can be used. */
  public VectorProvider() {}

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public int priority() {
    return 100;
  }

  @Override
  public synchronized Probe probe() {
    try {
      KernelSource k = load();
      return new Probe.Usable(k.description());
    } catch (ReflectiveOperationException | LinkageError e) {
      return ModuleLayer.boot().findModule(MODULE).isEmpty()
          ? new Probe.Refused(
              "the module " + MODULE + " is not loaded", "start java with --add-modules " + MODULE)
          : new Probe.Refused("the kernels do not load: " + e, "use JDK 25 or newer");
    }
  }

  private synchronized KernelSource load() throws ReflectiveOperationException {
    KernelSource k = kernels;
    if (k == null) {
      Class.forName("jdk.incubator.vector.FloatVector");
      k =
          Class.forName(KERNELS)
              .asSubclass(KernelSource.class)
              .getDeclaredConstructor()
              .newInstance();
      kernels = k;
    }
    return k;
  }

  @Override
  public @Nullable Kernel find(KernelSignature signature) {
    return loaded().find(signature);
  }

  @Override
  public @Nullable CeilingLoop ceiling(Ceiling ceiling) {
    return loaded().ceiling(ceiling);
  }

  private KernelSource loaded() {
    try {
      return load();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("kernels are for providers whose probe() was usable", e);
    }
  }
}
