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
import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.FakeDriver;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class CudaProviderTest {
  private final FakeDriver driver = new FakeDriver();

  private static CudaProvider provider(Supplier<CudaDriver> driver) {
    return new CudaProvider(driver, m -> m.getBytes(), FakeKernels::new);
  }

  private static Probe.Refused refusal(Supplier<CudaDriver> driver) {
    CudaProvider provider = provider(driver);
    assertTrue(provider.devices().isEmpty());
    assertThrows(DeviceException.class, () -> provider.open(Device.cuda(0)));
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
        DeviceException e =
            assertThrows(
                DeviceException.class, () -> Engine.builder().device(Device.cuda(0)).build());
        assertTrue(e.getMessage().contains("there is no device cuda:0"), e::getMessage);
        assertTrue(e.getMessage().contains(reason + "; " + remedy), e::getMessage);
      }
    }
  }

  @Test
  void aDriverWithADeviceIsUsable() {
    CudaProvider provider = provider(() -> driver);
    assertEquals(new Probe.Usable("CUDA 13.0 driver"), provider.probe());
    assertEquals(
        List.of(new Found(Device.cuda(0), "Fake 0, compute capability 9.0", 1L << 30)),
        provider.devices());
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
  void anOldDriverIsToldBothVersions() {
    driver.version = 11_040;
    Probe.Refused r = refusal(() -> driver);
    assertEquals("the NVIDIA driver serves CUDA 11.4, and Quern needs CUDA 12.0", r.reason());
    assertTrue(r.remedy().contains("525"), r.remedy());
  }

  @Test
  void oldDevicesAreNotFound() {
    driver.major = 7;
    Probe.Refused r = refusal(() -> driver);
    assertTrue(r.reason().endsWith("the first is Fake 0, compute capability 7.0"), r.reason());
    assertTrue(r.remedy().contains("Ampere"), r.remedy());
  }

  @Test
  void aDriverWithoutDeviceOrPermissionSaysWhatToCheck() {
    driver.devices = 0;
    assertTrue(refusal(() -> driver).remedy().contains("nvidia-smi"));
    Probe.Refused r =
        refusal(
            () -> {
              throw new CudaDriverException("cuInit", "CUDA_ERROR_NOT_PERMITTED");
            });
    assertTrue(r.reason().contains("cuInit returned CUDA_ERROR_NOT_PERMITTED"), r.reason());
    assertTrue(r.remedy().contains("/dev/nvidia"), r.remedy());
  }

  @Test
  void aDeviceThatCantBeOpenedSaysWhyAndMayBeTriedAgain() {
    CudaProvider provider = provider(() -> driver);
    driver.refusals.put("cuDevicePrimaryCtxRetain", CudaDriverException.OUT_OF_MEMORY);
    DeviceException e = assertThrows(DeviceException.class, () -> provider.open(Device.cuda(0)));
    assertTrue(e.getMessage().startsWith("cuda:0 can't be opened: cuDevicePrimaryCtxRetain"));
    assertTrue(e.getMessage().contains("nvidia-smi"), e::getMessage);
    assertEquals(Device.cuda(0), provider.open(Device.cuda(0)).device());
    e = assertThrows(DeviceException.class, () -> provider.open(Device.cuda(1)));
    assertTrue(e.getMessage().contains("there is no device cuda:1"), e::getMessage);
  }
}
