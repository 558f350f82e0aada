package dev.quern.kernels.cuda.driver;

import java.lang.foreign.MemorySegment;

/**
 * The driver calls that the backend uses, one method each, so that tests can answer in a driver's
 * place. Handles and device addresses are numbers. Calls that need a context work on the one that
 * is {@linkplain #makeCurrent current} on the calling thread.
 *
 * <p>Each method throws {@link CudaDriverException} with call and code if the driver refuses.
 * Copies, fills, launches and graphs are ordered by their stream and return before they are done.
 */
public interface CudaDriver {
  /** The largest struct of parameters that a kernel takes, in bytes. */
  int MOST_PARAMETER_BYTES = 4096;

  /**
   * Memory of the current context's device.
   *
   * @param freeBytes that nobody holds, in any process
   * @param totalBytes of the device
   */
  record MemoryInfo(long freeBytes, long totalBytes) {}

  /**
   * The newest CUDA version that the driver serves.
   *
   * @return 1000 · major + 10 · minor
   */
  int version();

  /**
   * How many devices there are.
   *
   * @return 0 or more
   */
  int deviceCount();

  /**
   * A device's name.
   *
   * @param device from 0
   * @return for people
   */
  String deviceName(int device);

  /**
   * A device's memory.
   *
   * @param device from 0
   * @return bytes
   */
  long totalMemoryBytes(int device);

  /**
   * A property of a device.
   *
   * @param device from 0
   * @param which property
   * @return its value, in the unit that the property names
   */
  int attribute(int device, Attribute which);

  /**
   * Begins a use of a device's primary context, which the process's other libraries share.
   *
   * @param device from 0
   * @return the context
   */
  long retainPrimaryContext(int device);

  /**
   * Ends a use of it; the last one frees everything in it.
   *
   * @param device from 0
   */
  void releasePrimaryContext(int device);

  /**
   * Makes a context the calling thread's.
   *
   * @param context what {@link #retainPrimaryContext} returned
   */
  void makeCurrent(long context);

  /**
   * Takes device memory. Waits for nothing that runs.
   *
   * @param bytes at least 1
   * @return its address, a multiple of 256
   */
  long memAlloc(long bytes);

  /**
   * Gives device memory back. Waits for all that runs on the device.
   *
   * @param address what {@link #memAlloc} returned
   */
  void memFree(long address);

  /**
   * What memory the device has.
   *
   * @return free and total
   */
  MemoryInfo memInfo();

  /**
   * Takes pinned host memory that kernels can read and write at the same address.
   *
   * @param bytes at least 1
   * @return accessible until {@link #hostFree}, contents arbitrary
   */
  MemorySegment hostAlloc(long bytes);

  /**
   * Gives pinned memory back. Nothing may use it any more, on either side.
   *
   * @param pinned what {@link #hostAlloc} returned
   */
  void hostFree(MemorySegment pinned);

  /**
   * A stream that does not wait for the default stream.
   *
   * @return the stream
   */
  long streamCreate();

  /**
   * A stream as NVIDIA's other libraries take it.
   *
   * @param stream which
   * @return a {@code CUstream}
   */
  long rawStream(long stream);

  /**
   * Waits until all that was put into a stream is done.
   *
   * @param stream which
   */
  void streamSynchronize(long stream);

  /**
   * Makes a stream wait for an event of another one. Returns at once.
   *
   * @param stream which
   * @param event recorded before
   */
  void streamWait(long stream, long event);

  /**
   * Ends a stream.
   *
   * @param stream which
   */
  void streamDestroy(long stream);

  /**
   * A mark that can be put into a stream.
   *
   * @param timed whether {@link #eventElapsedMillis} will be asked
   * @return the event
   */
  long eventCreate(boolean timed);

  /**
   * Puts an event into a stream.
   *
   * @param event which
   * @param stream where
   */
  void eventRecord(long event, long stream);

  /**
   * Waits until a stream has come to an event.
   *
   * @param event recorded before
   */
  void eventSynchronize(long event);

  /**
   * The time between two events.
   *
   * @param from recorded first
   * @param to recorded later; both have been reached
   * @return milliseconds
   */
  float eventElapsedMillis(long from, long to);

  /**
   * Ends an event.
   *
   * @param event which
   */
  void eventDestroy(long event);

  /**
   * Copies from the host. From memory that is not pinned, the driver has read it all when this
   * returns; pinned memory must stay as it is until the stream has come here.
   *
   * @param target device address
   * @param source host memory, off-heap
   * @param bytes how many
   * @param stream which
   */
  void copyToDevice(long target, MemorySegment source, long bytes, long stream);

  /**
   * Copies to the host.
   *
   * @param target host memory, off-heap; holds the bytes when the stream has come here
   * @param source device address
   * @param bytes how many
   * @param stream which
   */
  void copyToHost(MemorySegment target, long source, long bytes, long stream);

  /**
   * Copies within the device.
   *
   * @param target device address
   * @param source device address; does not overlap the target
   * @param bytes how many
   * @param stream which
   */
  void copyOnDevice(long target, long source, long bytes, long stream);

  /**
   * Fills device memory.
   *
   * @param target device address
   * @param value of each byte
   * @param bytes how many
   * @param stream which
   */
  void fill(long target, byte value, long bytes, long stream);

  /**
   * Loads a module into the current context.
   *
   * @param image a fatbin, a cubin, or PTX that ends with a zero byte
   * @return the module
   */
  long moduleLoad(byte[] image);

  /**
   * Unloads a module.
   *
   * @param module which
   */
  void moduleUnload(long module);

  /**
   * A kernel of a module.
   *
   * @param module which
   * @param name as {@code extern "C"} declares it
   * @return the function
   */
  long function(long module, String name);

  /**
   * A property of a kernel.
   *
   * @param function which
   * @param which property
   * @return its value
   */
  int functionAttribute(long function, FunctionAttribute which);

  /**
   * Sets a property of a kernel.
   *
   * @param function which
   * @param which property
   * @param value its value from now on
   */
  void setFunctionAttribute(long function, FunctionAttribute which, int value);

  /**
   * How many blocks of a kernel a multiprocessor keeps at once.
   *
   * @param function which
   * @param threads of a block
   * @param sharedBytes dynamic shared memory of a block
   * @return 0 or more
   */
  int occupancy(long function, int threads, int sharedBytes);

  /**
   * Runs a kernel, which takes one struct by value.
   *
   * @param function which
   * @param grid how many blocks and threads
   * @param params the struct, on the heap or off it: its bytes are read before this returns
   * @param stream where
   */
  void launch(long function, Grid grid, MemorySegment params, long stream);

  /**
   * From now on what this thread puts into a stream is recorded, not run.
   *
   * @param stream which
   */
  void captureBegin(long stream);

  /**
   * Ends a recording.
   *
   * @param stream which
   * @return the graph
   */
  long captureEnd(long stream);

  /**
   * Makes a graph ready for being run.
   *
   * @param graph which; may be destroyed afterwards
   * @return what can be launched
   */
  long graphInstantiate(long graph);

  /**
   * Ends a graph.
   *
   * @param graph what {@link #captureEnd} returned
   */
  void graphDestroy(long graph);

  /**
   * Runs a graph.
   *
   * @param executable what {@link #graphInstantiate} returned
   * @param stream where
   */
  void graphLaunch(long executable, long stream);

  /**
   * Ends what can be launched.
   *
   * @param executable what {@link #graphInstantiate} returned
   */
  void graphExecutableDestroy(long executable);

  /**
   * Describes a tensor to the copy engine of compute capability 9.0 (TMA).
   *
   * @param map what it is to say
   * @return the 128 bytes that a kernel takes, aligned to 128, as a {@code CUtensorMap}
   */
  byte[] encodeTensorMap(TensorMap map);
}
