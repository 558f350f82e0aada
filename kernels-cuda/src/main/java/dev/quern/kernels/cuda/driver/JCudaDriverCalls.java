package dev.quern.kernels.cuda.driver;

import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP;
import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_PORTABLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * The driver through JCuda, and through FFM for what JCuda lacks. Loading this class loads JCuda's
 * native glue, which fails where there is no driver: it is loaded by name.
 */
final class JCudaDriverCalls implements CudaDriver {
  private static final int NAME_BYTES = 256;

  private final JCudaHandles handles = new JCudaHandles();
  private final DriverSymbols symbols;

  /** Called by name from {@link DriverLoader}. */
  JCudaDriverCalls() {
    JCudaDriver.setExceptionsEnabled(false);
    check("cuInit", JCudaDriver.cuInit(0));
    symbols = new DriverSymbols();
  }

  private static void check(String call, int result) {
    if (result != CUDA_SUCCESS) {
      throw new CudaDriverException(call, CUresult.stringFor(result));
    }
  }

  @Override
  public int version() {
    int[] version = new int[1];
    check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(version));
    return version[0];
  }

  @Override
  public int deviceCount() {
    int[] count = new int[1];
    check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(count));
    return count[0];
  }

  private static CUdevice device(int index) {
    CUdevice device = new CUdevice();
    check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, index));
    return device;
  }

  @Override
  public String deviceName(int device) {
    byte[] name = new byte[NAME_BYTES];
    check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(name, NAME_BYTES, device(device)));
    int n = 0;
    while (n < name.length && name[n] != 0) {
      n++;
    }
    return new String(name, 0, n, StandardCharsets.UTF_8);
  }

  @Override
  public long totalMemoryBytes(int device) {
    long[] bytes = new long[1];
    check("cuDeviceTotalMem", JCudaDriver.cuDeviceTotalMem(bytes, device(device)));
    return bytes[0];
  }

  @Override
  public int attribute(int device, Attribute which) {
    int[] value = new int[1];
    check(
        "cuDeviceGetAttribute",
        JCudaDriver.cuDeviceGetAttribute(value, which.id(), device(device)));
    return value[0];
  }

  @Override
  public long retainPrimaryContext(int device) {
    CUcontext context = new CUcontext();
    check(
        "cuDevicePrimaryCtxRetain", JCudaDriver.cuDevicePrimaryCtxRetain(context, device(device)));
    return handles.contexts.add(context);
  }

  @Override
  public void releasePrimaryContext(int device) {
    check("cuDevicePrimaryCtxRelease", JCudaDriver.cuDevicePrimaryCtxRelease(device(device)));
  }

  @Override
  public void makeCurrent(long context) {
    check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(handles.contexts.get(context)));
  }

  @Override
  public long memAlloc(long bytes) {
    RawHandles.DeviceAddress address = new RawHandles.DeviceAddress();
    check("cuMemAlloc", JCudaDriver.cuMemAlloc(address, bytes));
    return address.raw();
  }

  @Override
  public void memFree(long address) {
    check("cuMemFree", JCudaDriver.cuMemFree(new RawHandles.DeviceAddress(address)));
  }

  @Override
  public MemoryInfo memInfo() {
    long[] free = new long[1];
    long[] total = new long[1];
    check("cuMemGetInfo", JCudaDriver.cuMemGetInfo(free, total));
    return new MemoryInfo(free[0], total[0]);
  }

  @Override
  @SuppressWarnings("restricted")
  public MemorySegment hostAlloc(long bytes) {
    RawHandles.HostAddress address = new RawHandles.HostAddress();
    int flags = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP;
    check("cuMemHostAlloc", JCudaDriver.cuMemHostAlloc(address, bytes, flags));
    return MemorySegment.ofAddress(address.raw()).reinterpret(bytes, Arena.global(), null);
  }

  @Override
  public void hostFree(MemorySegment pinned) {
    check("cuMemFreeHost", JCudaDriver.cuMemFreeHost(host(pinned)));
  }

  private static RawHandles.HostAddress host(MemorySegment memory) {
    return new RawHandles.HostAddress(memory.address());
  }

  @Override
  public long streamCreate() {
    RawHandles.Stream stream = new RawHandles.Stream();
    check(
        "cuStreamCreate",
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    return handles.streams.add(stream);
  }

  @Override
  public long rawStream(long stream) {
    return handles.streams.get(stream).raw();
  }

  @Override
  public void streamSynchronize(long stream) {
    check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(handles.streams.get(stream)));
  }

  @Override
  public void streamWait(long stream, long event) {
    check(
        "cuStreamWaitEvent",
        JCudaDriver.cuStreamWaitEvent(handles.streams.get(stream), handles.events.get(event), 0));
  }

  @Override
  public void streamDestroy(long stream) {
    check("cuStreamDestroy", JCudaDriver.cuStreamDestroy(handles.streams.remove(stream)));
  }

  @Override
  public long eventCreate(boolean timed) {
    CUevent event = new CUevent();
    int flags = timed ? CUevent_flags.CU_EVENT_DEFAULT : CUevent_flags.CU_EVENT_DISABLE_TIMING;
    check("cuEventCreate", JCudaDriver.cuEventCreate(event, flags));
    return handles.events.add(event);
  }

  @Override
  public void eventRecord(long event, long stream) {
    check(
        "cuEventRecord",
        JCudaDriver.cuEventRecord(handles.events.get(event), handles.streams.get(stream)));
  }

  @Override
  public void eventSynchronize(long event) {
    check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(handles.events.get(event)));
  }

  @Override
  public float eventElapsedMillis(long from, long to) {
    float[] millis = new float[1];
    check(
        "cuEventElapsedTime",
        JCudaDriver.cuEventElapsedTime(millis, handles.events.get(from), handles.events.get(to)));
    return millis[0];
  }

  @Override
  public void eventDestroy(long event) {
    check("cuEventDestroy", JCudaDriver.cuEventDestroy(handles.events.remove(event)));
  }

  @Override
  public void copyToDevice(long target, MemorySegment source, long bytes, long stream) {
    check(
        "cuMemcpyHtoDAsync",
        JCudaDriver.cuMemcpyHtoDAsync(
            new RawHandles.DeviceAddress(target),
            host(source),
            bytes,
            handles.streams.get(stream)));
  }

  @Override
  public void copyToHost(MemorySegment target, long source, long bytes, long stream) {
    check(
        "cuMemcpyDtoHAsync",
        JCudaDriver.cuMemcpyDtoHAsync(
            host(target),
            new RawHandles.DeviceAddress(source),
            bytes,
            handles.streams.get(stream)));
  }

  @Override
  public void copyOnDevice(long target, long source, long bytes, long stream) {
    check(
        "cuMemcpyDtoDAsync",
        JCudaDriver.cuMemcpyDtoDAsync(
            new RawHandles.DeviceAddress(target),
            new RawHandles.DeviceAddress(source),
            bytes,
            handles.streams.get(stream)));
  }

  @Override
  public void fill(long target, byte value, long bytes, long stream) {
    check(
        "cuMemsetD8Async",
        JCudaDriver.cuMemsetD8Async(
            new RawHandles.DeviceAddress(target), value, bytes, handles.streams.get(stream)));
  }

  @Override
  public long moduleLoad(byte[] image) {
    CUmodule module = new CUmodule();
    check("cuModuleLoadData", JCudaDriver.cuModuleLoadData(module, image));
    return handles.modules.add(module);
  }

  @Override
  public void moduleUnload(long module) {
    check("cuModuleUnload", JCudaDriver.cuModuleUnload(handles.modules.remove(module)));
  }

  @Override
  public long function(long module, String name) {
    RawHandles.Function function = new RawHandles.Function();
    check(
        "cuModuleGetFunction of " + name,
        JCudaDriver.cuModuleGetFunction(function, handles.modules.get(module), name));
    return handles.functions.add(function);
  }

  @Override
  public int functionAttribute(long function, FunctionAttribute which) {
    int[] value = new int[1];
    check(
        "cuFuncGetAttribute",
        JCudaDriver.cuFuncGetAttribute(value, which.id(), handles.functions.get(function)));
    return value[0];
  }

  @Override
  public void setFunctionAttribute(long function, FunctionAttribute which, int value) {
    check(
        "cuFuncSetAttribute",
        JCudaDriver.cuFuncSetAttribute(handles.functions.get(function), which.id(), value));
  }

  @Override
  public int occupancy(long function, int threads, int sharedBytes) {
    int[] blocks = new int[1];
    check(
        "cuOccupancyMaxActiveBlocksPerMultiprocessor",
        JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
            blocks, handles.functions.get(function), threads, sharedBytes));
    return blocks[0];
  }

  @Override
  public void launch(long function, Grid grid, MemorySegment params, long stream) {
    long f = handles.functions.get(function).raw();
    check("cuLaunchKernelEx", symbols.launch(f, grid, params, handles.streams.get(stream).raw()));
  }

  @Override
  public void captureBegin(long stream) {
    check(
        "cuStreamBeginCapture",
        JCudaDriver.cuStreamBeginCapture(
            handles.streams.get(stream), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
  }

  @Override
  public long captureEnd(long stream) {
    CUgraph graph = new CUgraph();
    check("cuStreamEndCapture", JCudaDriver.cuStreamEndCapture(handles.streams.get(stream), graph));
    return handles.graphs.add(graph);
  }

  @Override
  public long graphInstantiate(long graph) {
    CUgraphExec executable = new CUgraphExec();
    check(
        "cuGraphInstantiate",
        JCudaDriver.cuGraphInstantiate(executable, handles.graphs.get(graph), 0));
    return handles.executables.add(executable);
  }

  @Override
  public void graphDestroy(long graph) {
    check("cuGraphDestroy", JCudaDriver.cuGraphDestroy(handles.graphs.remove(graph)));
  }

  @Override
  public void graphLaunch(long executable, long stream) {
    check(
        "cuGraphLaunch",
        JCudaDriver.cuGraphLaunch(
            handles.executables.get(executable), handles.streams.get(stream)));
  }

  @Override
  public void graphExecutableDestroy(long executable) {
    check(
        "cuGraphExecDestroy",
        JCudaDriver.cuGraphExecDestroy(handles.executables.remove(executable)));
  }

  @Override
  public byte[] encodeTensorMap(TensorMap map) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment encoded = arena.allocate(TensorMap.BYTES, TensorMap.ALIGNMENT);
      check("cuTensorMapEncodeTiled", symbols.encode(map, encoded));
      return encoded.toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
