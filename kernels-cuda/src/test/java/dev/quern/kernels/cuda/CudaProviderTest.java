package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.DeviceProvider.Found;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.core.type.NotSupportedException;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class CudaProviderTest {
  private record FakeDriver(int version, List<Found> devices) implements CudaDriverApi {}

  private static final Found H200 =
      new Found(Device.cuda(0), "NVIDIA H200, compute capability 9.0", 139L << 30);

  private static Probe.Refused refusal(Supplier<CudaDriverApi> driver) {
    CudaProvider provider = new CudaProvider(driver);
    assertTrue(provider.devices().isEmpty());
    return assertInstanceOf(Probe.Refused.class, provider.probe());
  }

  @Test
  void serviceLoaderFindsItAndItAnswersOnAnyMachine() {
    DeviceProvider cuda =
        Engine.devices().stream().filter(p -> p.kind().equals("cuda")).findFirst().orElseThrow();
    switch (cuda.probe()) {
      case Probe.Usable(String detail) -> {
        assertTrue(detail.startsWith("CUDA "), detail);
        assertFalse(cuda.devices().isEmpty());
      }
      case Probe.Refused(String reason, String remedy) -> {
        assertTrue(reason.contains("driver"), reason);
        assertFalse(remedy.isBlank());
        assertTrue(cuda.devices().isEmpty());
      }
    }
  }

  @Test
  void aDriverWithADeviceIsUsable() {
    CudaProvider provider = new CudaProvider(() -> new FakeDriver(13_000, List.of(H200)));
    assertEquals(new Probe.Usable("CUDA 13.0 driver"), provider.probe());
    assertEquals(List.of(H200), provider.devices());
  }

  @Test
  void aMissingDriverNamesTheLibraryThatIsWanted() {
    Probe.Refused r =
        refusal(
            () -> {
              throw new UnsatisfiedLinkError("libcuda.so.1: cannot open shared object file\nmore");
            });
    assertTrue(r.reason().contains("libcuda.so.1") && !r.reason().contains("more"), r.reason());
    assertTrue(r.remedy().contains("install an NVIDIA driver"), r.remedy());
  }

  @Test
  void aDriverWithoutDeviceOrPermissionSaysWhatToCheck() {
    assertTrue(refusal(() -> new FakeDriver(13_000, List.of())).remedy().contains("nvidia-smi"));
    Probe.Refused r =
        refusal(
            () -> {
              throw new CudaDriverException("cuInit", "CUDA_ERROR_NOT_PERMITTED");
            });
    assertTrue(r.reason().contains("cuInit returned CUDA_ERROR_NOT_PERMITTED"), r.reason());
    assertTrue(r.remedy().contains("/dev/nvidia"), r.remedy());
  }

  @Test
  void memoryIsNotSupportedYetAndSaysSo() {
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> new CudaProvider().open(Device.cuda(0)));
    assertTrue(e.getMessage().contains("cuda:0"), e.getMessage());
  }
}
