package dev.quern.kernels.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.spi.DeviceProvider;
import dev.quern.core.spi.DeviceProvider.Found;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.kernels.cuda.driver.CudaDriver;
import dev.quern.kernels.cuda.driver.CudaDriverException;
import dev.quern.kernels.cuda.driver.DriverLoader;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.launch.TestImages;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
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

  /** Where this machine has none, the real loader says so before JCuda fails in its own words. */
  @Test
  void theLoaderLooksForTheDriverFirst() {
    assumeTrue(!hasDriver(), "this machine has a driver: what is said without one is not tested");
    UnsatisfiedLinkError e = assertThrows(UnsatisfiedLinkError.class, DriverLoader::load);
    assertEquals("libcuda.so.1 was not found", e.getMessage());
    assertEquals(
        "no NVIDIA driver: libcuda.so.1 was not found", refusal(DriverLoader::load).reason());
  }

  @SuppressWarnings("restricted")
  private static boolean hasDriver() {
    try {
      SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  @Test
  void anIncompleteInstallationIsNotAMissingDriver() {
    Probe.Refused r =
        refusal(
            () -> {
              throw new IllegalStateException(
                  "libcuda.so.1 is there, and JCuda's glue did not load");
            });
    assertTrue(r.reason().startsWith("the CUDA driver could not be asked ("), r.reason());
    assertTrue(r.remedy().contains("jcuda-natives"), r.remedy());
  }

  @Test
  void aDriverTooOldForTheKernelsIsToldBothVersions() {
    driver.version = 12_040;
    CudaProvider provider =
        new CudaProvider(
            () -> driver, TestImages.compiledBy("13.0", driver.version), FakeKernels::new);
    assertEquals(
        new Probe.Refused(
            "the kernels were compiled with CUDA 13.0, and the driver serves CUDA 12.4",
            "update the driver, or install NVRTC 12 (libnvrtc.so.12), which compiles their"
                + " sources"),
        provider.probe());
    assertTrue(provider.devices().isEmpty());
    driver.version = 13_000;
    CudaProvider newer =
        new CudaProvider(
            () -> driver, TestImages.compiledBy("13.1", driver.version), FakeKernels::new);
    assertEquals(new Probe.Usable("CUDA 13.0 driver"), newer.probe());
  }

  /** A device that is there and can't be opened: what `quern devices` says under it. */
  @Test
  void aDeviceWithoutMemoryIsFoundAndSaysSo() {
    CudaProvider provider = provider(() -> driver);
    driver.refusalsForever.put("cuDevicePrimaryCtxRetain", CudaDriverException.OUT_OF_MEMORY);
    assertEquals(1, provider.devices().size());
    assertEquals(
        new Probe.Refused(
            "it can't be opened: cuDevicePrimaryCtxRetain returned CUDA_ERROR_OUT_OF_MEMORY",
            "the device's memory is full: see `nvidia-smi` for who holds it"),
        provider.probe(Device.cuda(0)));
    driver.refusalsForever.put("cuDevicePrimaryCtxRetain", "CUDA_ERROR_DEVICE_UNAVAILABLE");
    Probe.Refused r = assertInstanceOf(Probe.Refused.class, provider.probe(Device.cuda(0)));
    assertTrue(r.remedy().contains("another process has the device to itself"), r.remedy());
    driver.refusalsForever.clear();
    Probe.Usable u = assertInstanceOf(Probe.Usable.class, provider.probe(Device.cuda(0)));
    assertTrue(u.detail().contains("are free on the device"), u.detail());
  }

  /** Whatever fails on the way, the context's use ends, and the device can be opened later. */
  @Test
  void aDeviceThatFailsHalfWayLeavesNothingBehind() {
    CudaProvider provider = provider(() -> driver);
    for (String call : new String[] {"cuStreamCreate", "cuMemHostAlloc", "cuMemGetInfo"}) {
      driver.refusals.put(call, CudaDriverException.OUT_OF_MEMORY);
      DeviceException e = assertThrows(DeviceException.class, () -> provider.open(Device.cuda(0)));
      assertTrue(e.getMessage().startsWith("cuda:0 can't be opened: " + call), e::getMessage);
      assertEquals(0, driver.contexts, call);
    }
    assertEquals(Device.cuda(0), provider.open(Device.cuda(0)).device());
    assertEquals(1, driver.contexts);
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
    for (String[] codeAndRemedy :
        new String[][] {
          {"CUDA_ERROR_OPERATING_SYSTEM", "/dev/nvidia"},
          {"CUDA_ERROR_NO_DEVICE", "CUDA_VISIBLE_DEVICES"},
          {"CUDA_ERROR_STUB_LIBRARY", "LD_LIBRARY_PATH"},
          {"CUDA_ERROR_SYSTEM_NOT_READY", "nvidia-fabricmanager"},
          {"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "differ in version"},
          {CudaDriverException.OUT_OF_MEMORY, "memory is full"},
        }) {
      r =
          refusal(
              () -> {
                throw new CudaDriverException("cuInit", codeAndRemedy[0]);
              });
      assertTrue(r.remedy().contains(codeAndRemedy[1]), r.remedy());
    }
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
