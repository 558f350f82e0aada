package dev.quern.kernels.cuda.driver;

import dev.quern.core.spi.Probe;
import dev.quern.kernels.cuda.CudaProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/**
 * Runs each call of the real driver's class once, in a process of its own, over the stub library
 * whose path it gets: numbers must arrive as they were sent.
 */
public final class JCudaGlue {
  private JCudaGlue() {}

  private static void same(Object expected, Object found) {
    if (!expected.equals(found)) {
      throw new AssertionError("expected " + expected + ", found " + found);
    }
  }

  /** The stub's CUDA version and its path; prints "all calls" at the end. */
  @SuppressWarnings("restricted")
  public static void main(String[] args) {
    System.load(args[1]); // JCuda's library finds libcuda.so.1 loaded already, by its name
    if (args[0].equals("11")) {
      same(
          new Probe.Refused(
              "the NVIDIA driver serves CUDA 11.4, and Quern needs CUDA 12.0",
              "install a driver of version 525 or newer"),
          new CudaProvider().probe());
      return;
    }
    CudaDriver driver = DriverLoader.load();
    devices(driver);
    driver.makeCurrent(driver.retainPrimaryContext(0));
    long stream = driver.streamCreate();
    memory(driver, stream);
    events(driver, stream);
    kernels(driver, stream);
    driver.streamDestroy(stream);
    driver.releasePrimaryContext(0);
    System.out.println("all calls");
  }

  private static void devices(CudaDriver driver) {
    same(12_040, driver.version());
    same(2, driver.deviceCount());
    same("Stub B", driver.deviceName(1));
    same(11L << 32, driver.totalMemoryBytes(1));
    same(10_075, driver.attribute(0, Attribute.MAJOR));
    same(10_097, driver.attribute(0, Attribute.SHARED_PER_BLOCK_OPTIN));
    same("CUDA_ERROR_INVALID_DEVICE", refused(() -> driver.deviceName(2)));
  }

  private static String refused(Runnable call) {
    try {
      call.run();
    } catch (CudaDriverException e) {
      return e.code();
    }
    throw new AssertionError("was not refused");
  }

  private static void memory(CudaDriver driver, long stream) {
    same(CudaDriverException.OUT_OF_MEMORY, refused(() -> driver.memAlloc(2L << 30)));
    same(new CudaDriver.MemoryInfo(5, 7), driver.memInfo());
    long a = driver.memAlloc(1000);
    long b = driver.memAlloc(1000);
    MemorySegment pinned = driver.hostAlloc(1000);
    for (int i = 0; i < 1000; i++) {
      pinned.set(ValueLayout.JAVA_BYTE, i, (byte) i);
    }
    driver.copyToDevice(a + 100, pinned.asSlice(50), 900, stream);
    driver.fill(b, (byte) 7, 1000, stream);
    driver.copyOnDevice(b + 10, a + 150, 500, stream);
    byte[] expected = new byte[1000];
    Arrays.fill(expected, (byte) 7);
    for (int i = 0; i < 500; i++) {
      expected[10 + i] = (byte) (100 + i);
    }
    MemorySegment back = Arena.ofAuto().allocate(1000);
    driver.copyToHost(back, b, 1000, stream);
    driver.streamSynchronize(stream);
    same(-1L, back.mismatch(MemorySegment.ofArray(expected)));
    driver.memFree(a);
    driver.memFree(b);
    driver.hostFree(pinned);
  }

  private static void events(CudaDriver driver, long stream) {
    long event = driver.eventCreate(true);
    driver.eventRecord(event, stream);
    driver.eventSynchronize(event);
    driver.streamWait(stream, event);
    same(1.5f, driver.eventElapsedMillis(event, event));
    driver.eventDestroy(event);
    driver.eventDestroy(driver.eventCreate(false));
  }

  private static void kernels(CudaDriver driver, long stream) {
    same("CUDA_ERROR_INVALID_IMAGE", refused(() -> driver.moduleLoad(new byte[8])));
    long module = driver.moduleLoad("image of quern".getBytes());
    same("CUDA_ERROR_NOT_FOUND", refused(() -> driver.function(module, "quern_none")));
    long f = driver.function(module, "quern_k");
    same(104, driver.functionAttribute(f, FunctionAttribute.REGISTERS));
    driver.setFunctionAttribute(f, FunctionAttribute.MOST_DYNAMIC_SHARED_BYTES, 65_536);
    same(96 + 1024, driver.occupancy(f, 96, 1024));
    long counter = driver.memAlloc(4);
    driver.fill(counter, (byte) 0, 4, stream);
    MemorySegment params = Arena.ofAuto().allocate(64, 64);
    params.set(ValueLayout.JAVA_LONG, 0, counter);
    driver.launch(f, Grid.of(1, 32), params, stream);
    driver.captureBegin(stream);
    driver.launch(f, Grid.of(1, 32), params, stream);
    long graph = driver.captureEnd(stream);
    long executable = driver.graphInstantiate(graph);
    driver.graphDestroy(graph);
    driver.graphLaunch(executable, stream);
    driver.graphExecutableDestroy(executable);
    MemorySegment back = Arena.ofAuto().allocate(4);
    driver.copyToHost(back, counter, 4, stream);
    same(1, back.get(ValueLayout.JAVA_INT, 0));
    TensorMap map = new TensorMap(9, counter, List.of(8L), List.of(), List.of(8), 0);
    same((byte) 9, driver.encodeTensorMap(map)[127]);
    driver.moduleUnload(module);
    driver.memFree(counter);
  }
}
