package dev.quern.kernels.cuda;

import dev.quern.core.spi.Backend;
import dev.quern.core.spi.DeviceProvider.Found;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.Attribute;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.ModuleImages;
import dev.quern.kernels.cuda.launch.ShippedImages;
import dev.quern.kernels.cuda.memory.CudaMemory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The devices of a driver: found once, each opened once. */
final class CudaDevices {
  /** The oldest CUDA version whose driver has all calls that are made. */
  private static final int OLDEST = 12_000;

  private static final int MAJOR = 1000;
  private static final int MINOR = 10;
  private static final int OLDEST_CAPABILITY = 8;

  /** Where a device's kernels come from. */
  interface Images {
    /** Those for a driver and one of its devices. */
    ModuleImages of(CudaDriver driver, int index);
  }

  private final Supplier<CudaDriver> loader;
  private final Images images;
  private final Function<CudaDevice, KernelProvider> kernels;
  private final Map<Device, Backend> opened = new HashMap<>();
  private @Nullable CudaDriver driver;
  private @Nullable Probe answer;
  private List<Found> found = List.of();

  /**
   * Nothing is loaded yet.
   *
   * @param loader loads the driver
   * @param images where kernels come from
   * @param kernels makes a device's kernels
   */
  CudaDevices(
      Supplier<CudaDriver> loader, Images images, Function<CudaDevice, KernelProvider> kernels) {
    this.loader = loader;
    this.images = images;
    this.kernels = kernels;
  }

  synchronized Probe probe() {
    Probe known = answer;
    if (known == null) {
      known = ask();
      answer = known;
    }
    return known;
  }

  synchronized List<Found> found() {
    probe();
    return found;
  }

  /** Opens a device, or gives what was opened before. */
  synchronized Backend open(Device device) {
    probe();
    CudaDriver d = driver;
    if (d == null || found.stream().noneMatch(f -> f.device().equals(device))) {
      throw new DeviceException("there is no device " + device + "; see `quern devices`");
    }
    try {
      return opened.computeIfAbsent(device, _ -> backend(d, device));
    } catch (CudaDriverException e) {
      throw new DeviceException(
          "%s can't be opened: %s; %s".formatted(device, e.getMessage(), remedy(e)), e);
    }
  }

  /** Whether a device that was found can be opened; opens it. */
  synchronized Probe probe(Device device) {
    try {
      CudaMemory memory = (CudaMemory) open(device).memory();
      return new Probe.Usable(memory.usage());
    } catch (DeviceException e) {
      return e.getCause() instanceof CudaDriverException refused
          ? new Probe.Refused("it can't be opened: " + refused.getMessage(), remedy(refused))
          : new Probe.Refused(firstLine(e), "check that `nvidia-smi` works for this user");
    } catch (CudaDriverException e) {
      return new Probe.Refused("it does not answer: " + e.getMessage(), remedy(e));
    }
  }

  private Backend backend(CudaDriver d, Device device) {
    CudaDevice cuda = new CudaDevice(d, device.index(), images.of(d, device.index()));
    try {
      return new CudaBackend(cuda, new CudaMemory(cuda.context(), device), kernels);
    } catch (RuntimeException e) {
      cuda.context().close();
      throw e;
    }
  }

  /** The kernels in the jar. */
  static ModuleImages shipped(CudaDriver d, int index) {
    return new ShippedImages(
        d.version(), d.attribute(index, Attribute.MAJOR), d.attribute(index, Attribute.MINOR));
  }

  private Probe ask() {
    try {
      CudaDriver d = loader.get();
      int version = d.version();
      if (version < OLDEST) {
        return new Probe.Refused(
            "the NVIDIA driver serves CUDA " + text(version) + ", and Quern needs CUDA 12.0",
            "install a driver of version 525 or newer");
      }
      List<Found> all = devices(d);
      if (all.isEmpty() && d.deviceCount() > 0) {
        return new Probe.Refused(
            "no device has compute capability 8.0 or more; the first is " + name(d, 0),
            "use a GPU of the Ampere generation or a later one");
      }
      if (all.isEmpty()) {
        return new Probe.Refused(
            "the NVIDIA driver is there and sees no device",
            "check `nvidia-smi`, CUDA_VISIBLE_DEVICES, and the container's GPU option");
      }
      Optional<Probe.Refused> old = images.of(d, all.getFirst().device().index()).refusal();
      if (old.isPresent()) {
        return old.get();
      }
      driver = d;
      found = all;
      return new Probe.Usable("CUDA " + text(version) + " driver");
    } catch (CudaDriverException e) {
      return new Probe.Refused("the NVIDIA driver refused: " + e.getMessage(), remedy(e));
    } catch (LinkageError e) {
      return new Probe.Refused(
          "no NVIDIA driver: " + firstLine(e),
          "install an NVIDIA driver for CUDA 12 or 13 (it brings libcuda.so.1), on Linux x86-64");
    } catch (RuntimeException e) {
      return new Probe.Refused(
          "the CUDA driver could not be asked (" + firstLine(e) + ")",
          "check that quern-kernels-cuda, jcuda and jcuda-natives are complete and of one version");
    }
  }

  private static List<Found> devices(CudaDriver d) {
    List<Found> all = new ArrayList<>();
    for (int i = 0; i < d.deviceCount(); i++) {
      if (d.attribute(i, Attribute.MAJOR) >= OLDEST_CAPABILITY) {
        all.add(new Found(Device.cuda(i), name(d, i), d.totalMemoryBytes(i)));
      }
    }
    return List.copyOf(all);
  }

  private static String name(CudaDriver d, int i) {
    return "%s, compute capability %d.%d"
        .formatted(
            d.deviceName(i), d.attribute(i, Attribute.MAJOR), d.attribute(i, Attribute.MINOR));
  }

  private static String text(int version) {
    return version / MAJOR + "." + version % MAJOR / MINOR;
  }

  private static String remedy(CudaDriverException e) {
    return switch (e.code()) {
      case "CUDA_ERROR_NO_DEVICE" ->
          "check `nvidia-smi`, CUDA_VISIBLE_DEVICES, the container's GPU option, and that this user"
              + " has access to /dev/nvidia*";
      case "CUDA_ERROR_STUB_LIBRARY" ->
          "the libcuda.so.1 that was found is the toolkit's stub: take its folder from"
              + " LD_LIBRARY_PATH";
      case "CUDA_ERROR_SYSTEM_NOT_READY" ->
          "start the service that the machine's GPUs need (nvidia-fabricmanager), or wait for it";
      case "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE" ->
          "reboot, or reinstall the driver: libcuda and the kernel module differ in version";
      case "CUDA_ERROR_NOT_PERMITTED", "CUDA_ERROR_OPERATING_SYSTEM" ->
          "give this user access to /dev/nvidia*";
      case CudaDriverException.OUT_OF_MEMORY ->
          "the device's memory is full: see `nvidia-smi` for who holds it";
      case "CUDA_ERROR_DEVICE_UNAVAILABLE" ->
          "another process has the device to itself: see `nvidia-smi -q -d COMPUTE`";
      default -> "check that `nvidia-smi` works for this user";
    };
  }

  private static String firstLine(Throwable e) {
    String message = String.valueOf(e.getMessage());
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }
}
