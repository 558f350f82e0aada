package dev.quern.kernels.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * The calls of libcuda that JCuda lacks, each declared once. Signatures are those of {@code cuda.h}
 * since CUDA 12.0. An older driver lacks them: it can be loaded and asked for its version all the
 * same, and only what calls them fails.
 *
 * <p>Handles are constants with the function's address as first argument, so that calls are
 * compiled into their callers.
 */
@SuppressWarnings("restricted")
final class DriverSymbols {
  /** The library that every driver brings. */
  static final String LIBRARY = "libcuda.so.1";

  /**
   * {@code CUlaunchConfig}: grid x, y, z, block x, y, z, shared bytes (each 4), 4 of padding, then
   * stream and attributes (8 each), number of attributes (4), 4 of padding.
   */
  private static final long CONFIG_BYTES = 56;

  private static final long STREAM = 32;

  /** The list of arguments, which are one. */
  private static final long ARGUMENTS = 64;

  /** The struct, aligned as any of its members may be. */
  private static final long STRUCT = 128;

  private static final int L2_PROMOTION_128B = 2;

  private static final String LAUNCH = "cuLaunchKernelEx";
  private static final String ENCODE = "cuTensorMapEncodeTiled";

  /** CUresult (const CUlaunchConfig*, CUfunction, void** params, void** extra). */
  private static final MethodHandle CALL_LAUNCH =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG));

  /**
   * CUresult (CUtensorMap*, type, rank, void* address, const cuuint64_t* extents, const cuuint64_t*
   * strides, const cuuint32_t* box, const cuuint32_t* elementStrides, interleave, swizzle,
   * l2Promotion, fill).
   */
  private static final MethodHandle CALL_ENCODE =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.of(
                  JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS,
                  ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));

  /** A launch's config, argument and struct, for the thread: read before the call returns. */
  private final ThreadLocal<MemorySegment> launches =
      ThreadLocal.withInitial(DriverSymbols::launchSpace);

  private final Optional<MemorySegment> launchKernelEx;
  private final Optional<MemorySegment> tensorMapEncodeTiled;

  DriverSymbols() {
    this(SymbolLookup.libraryLookup(LIBRARY, Arena.global()));
  }

  DriverSymbols(SymbolLookup library) {
    launchKernelEx = library.find(LAUNCH);
    tensorMapEncodeTiled = library.find(ENCODE);
  }

  private static MemorySegment launchSpace() {
    MemorySegment m =
        Arena.ofAuto().allocate(STRUCT + CudaDriver.MOST_PARAMETER_BYTES, TensorMap.ALIGNMENT);
    m.set(JAVA_LONG, ARGUMENTS, m.address() + STRUCT);
    return m;
  }

  private static MemorySegment present(Optional<MemorySegment> function, String name) {
    return function.orElseThrow(
        () ->
            new UnsatisfiedLinkError(
                LIBRARY
                    + " has no "
                    + name
                    + ", which drivers have since CUDA 12.0; update the driver"));
  }

  /** Launches a kernel that takes one struct; returns the driver's result. */
  int launch(long function, Grid grid, MemorySegment params, long stream) {
    MemorySegment target = present(launchKernelEx, LAUNCH);
    MemorySegment m = launches.get();
    m.set(JAVA_INT, 0, grid.x());
    m.set(JAVA_INT, 4, grid.y());
    m.set(JAVA_INT, 8, grid.z());
    m.set(JAVA_INT, 12, grid.threads());
    m.set(JAVA_INT, 16, 1);
    m.set(JAVA_INT, 20, 1);
    m.set(JAVA_INT, 24, grid.sharedBytes());
    m.set(JAVA_LONG, STREAM, stream);
    m.set(JAVA_LONG, STREAM + Long.BYTES, 0);
    m.set(JAVA_INT, CONFIG_BYTES - Long.BYTES, 0);
    MemorySegment.copy(params, 0, m, STRUCT, params.byteSize());
    try {
      return (int) CALL_LAUNCH.invokeExact(target, m, function, m.address() + ARGUMENTS, 0L);
    } catch (Throwable e) {
      throw new IllegalStateException(LAUNCH + " could not be called", e);
    }
  }

  /** Encodes a tensor map into 128 bytes at a multiple of 128; returns the driver's result. */
  int encode(TensorMap map, MemorySegment target) {
    MemorySegment function = present(tensorMapEncodeTiled, ENCODE);
    int rank = map.extents().size();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment extents = arena.allocate(JAVA_LONG, rank);
      MemorySegment strides = arena.allocate(JAVA_LONG, rank);
      MemorySegment box = arena.allocate(JAVA_INT, rank);
      MemorySegment ones = arena.allocate(JAVA_INT, rank);
      for (int i = 0; i < rank; i++) {
        extents.setAtIndex(JAVA_LONG, i, map.extents().get(i));
        box.setAtIndex(JAVA_INT, i, map.box().get(i));
        ones.setAtIndex(JAVA_INT, i, 1);
        if (i + 1 < rank) {
          strides.setAtIndex(JAVA_LONG, i, map.stridesBytes().get(i));
        }
      }
      return (int)
          CALL_ENCODE.invokeExact(
              function,
              target,
              map.elementType(),
              rank,
              map.address(),
              extents,
              strides,
              box,
              ones,
              0,
              map.swizzle(),
              L2_PROMOTION_128B,
              0);
    } catch (Throwable e) {
      throw new IllegalStateException(ENCODE + " could not be called", e);
    }
  }
}
