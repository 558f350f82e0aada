package dev.quern.kernels.cuda;

import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.Probe;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import java.lang.reflect.InvocationTargetException;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Finds CUDA devices, or says why there are none and what to do about it. */
public final class CudaProvider implements DeviceProvider {
  private static final String API = "dev.quern.kernels.cuda.JCudaDriverApi";

  private final Supplier<CudaDriverApi> driver;
  private @Nullable Probe answer;
  private List<Found> devices = List.of();

  /** Creates it; nothing is loaded before the first {@link #probe}. */
  public CudaProvider() {
    this(CudaProvider::load);
  }

  CudaProvider(Supplier<CudaDriverApi> driver) {
    this.driver = driver;
  }

  private static CudaDriverApi load() {
    try {
      return Class.forName(API)
          .asSubclass(CudaDriverApi.class)
          .getDeclaredConstructor()
          .newInstance();
    } catch (InvocationTargetException e) {
      Throwable cause = e.getCause();
      if (cause instanceof CudaDriverException refused) {
        throw refused;
      }
      if (cause instanceof LinkageError error) {
        throw error;
      }
      throw new IllegalStateException("JCuda failed to start", e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the CUDA backend is incomplete: " + API, e);
    }
  }

  @Override
  public String kind() {
    return "cuda";
  }

  @Override
  public synchronized Probe probe() {
    Probe known = answer;
    if (known == null) {
      known = ask();
      answer = known;
    }
    return known;
  }

  private Probe ask() {
    try {
      CudaDriverApi api = driver.get();
      int version = api.version();
      List<Found> found = api.devices();
      if (found.isEmpty()) {
        return new Probe.Refused(
            "the NVIDIA driver is there and sees no device",
            "check `nvidia-smi`, CUDA_VISIBLE_DEVICES, and the container's GPU option");
      }
      devices = List.copyOf(found);
      return new Probe.Usable("CUDA " + version / 1000 + "." + version % 1000 / 10 + " driver");
    } catch (CudaDriverException e) {
      return refused(e);
    } catch (LinkageError e) {
      return new Probe.Refused(
          "no NVIDIA driver: JCuda's glue did not load (" + firstLine(e) + ")",
          "install an NVIDIA driver for CUDA 12 or 13 (it brings libcuda.so.1), on Linux x86-64");
    } catch (RuntimeException e) {
      return new Probe.Refused(
          "the CUDA driver could not be asked (" + firstLine(e) + ")",
          "check that quern-kernels-cuda, jcuda and jcuda-natives are complete and of one version");
    }
  }

  private static Probe refused(CudaDriverException e) {
    String remedy =
        switch (e.code()) {
          case "CUDA_ERROR_NO_DEVICE" ->
              "check `nvidia-smi`, CUDA_VISIBLE_DEVICES, and the container's GPU option";
          case "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE" ->
              "reboot, or reinstall the driver: libcuda and the kernel module differ in version";
          case "CUDA_ERROR_NOT_PERMITTED", "CUDA_ERROR_OPERATING_SYSTEM" ->
              "give this user access to /dev/nvidia*";
          default -> "check that `nvidia-smi` works for this user";
        };
    return new Probe.Refused("the NVIDIA driver refused: " + e.getMessage(), remedy);
  }

  private static String firstLine(Throwable e) {
    String message = String.valueOf(e.getMessage());
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }

  @Override
  public List<Found> devices() {
    probe();
    return devices;
  }
}
