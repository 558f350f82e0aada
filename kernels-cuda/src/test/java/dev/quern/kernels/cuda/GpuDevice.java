package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.type.Device;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.DriverLoader;
import dev.quern.kernels.cuda.kernel.CudaKernels;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.Function;

/** The first CUDA device of this machine, as tests that are {@link OnGpu} use it. */
public final class GpuDevice {
  private static final int HOPPER = 9;

  private GpuDevice() {}

  /**
   * An engine on the device. What it computes on the host, the reference kernels compute.
   *
   * @param builder anything else about the engine
   * @return the engine
   */
  public static Engine engine(Engine.Builder builder) {
    return builder
        .kernels(new ReferenceProvider())
        .devices(new CudaProvider())
        .device(Device.cuda(0))
        .build();
  }

  /** One more stream, pool and set of modules, in which nobody else's memory is counted. */
  private static final class Alone {
    static final CudaDriver DRIVER = DriverLoader.load();
    static final CudaProvider PROVIDER =
        new CudaProvider(() -> DRIVER, CudaDevices.shipped(DRIVER, 0), CudaKernels::new);
  }

  /** The device apart from what engines of {@link #engine} do with it. */
  static CudaProvider alone() {
    return Alone.PROVIDER;
  }

  /** How much of the device's memory nobody has, whatever the process. */
  static long freeBytes() {
    return Alone.DRIVER.memInfo().freeBytes();
  }

  /**
   * The device as one of a compute capability that it may be newer than: its kernels are chosen as
   * for that one. The test is skipped where the device is older, or another one than 9.0 is wanted
   * as 9.0, whose machine code no other device runs.
   *
   * @param major the capability's first number; the second is 0
   * @param kernels makes the kernels
   * @return a provider of its own
   */
  @SuppressWarnings("exports") // seen by the tests of this module alone
  public static DeviceProvider showing(int major, Function<CudaDevice, KernelProvider> kernels) {
    CudaDriver driver = DriverLoader.load();
    int there = driver.attribute(0, Attribute.MAJOR);
    boolean runs = major == HOPPER ? there == HOPPER : there >= major;
    assumeTrue(runs, () -> "the device has compute capability " + there + ", not " + major);
    CudaDriver shown = there == major ? driver : showing(driver, major);
    return new CudaProvider(() -> shown, CudaDevices.shipped(driver, 0), kernels);
  }

  private static CudaDriver showing(CudaDriver driver, int major) {
    return (CudaDriver)
        Proxy.newProxyInstance(
            CudaDriver.class.getClassLoader(),
            new Class<?>[] {CudaDriver.class},
            (_, method, arguments) -> {
              if (method.getName().equals("attribute")) {
                if (arguments[1] == Attribute.MAJOR) {
                  return major;
                }
                if (arguments[1] == Attribute.MINOR) {
                  return 0;
                }
              }
              try {
                return method.invoke(driver, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /**
   * The device itself, without engine and pool.
   *
   * @return opened anew, with the kernels in the jar
   */
  @SuppressWarnings("exports") // seen by the tests of this module alone
  public static CudaDevice open() {
    CudaDriver driver = DriverLoader.load();
    return new CudaDevice(driver, 0, CudaDevices.shipped(driver, 0));
  }
}
