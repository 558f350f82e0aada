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
import java.lang.ref.Reference;

/**
 * The calls of libcuda that JCuda lacks, each declared once. Signatures are those of {@code cuda.h}
 * since CUDA 12.0.
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
  private static final long STRUCT = 64;
  private static final long LAUNCH_BYTES = 128;

  private static final int L2_PROMOTION_128B = 2;

  /** A launch's config and list of arguments, for the thread: read before the call returns. */
  private final ThreadLocal<MemorySegment> launches =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(LAUNCH_BYTES, Long.BYTES));

  private final MethodHandle launchKernelEx;
  private final MethodHandle tensorMapEncodeTiled;

  DriverSymbols() {
    this(SymbolLookup.libraryLookup(LIBRARY, Arena.global()));
  }

  /** Looks all symbols up at once, so that what is missing is known before anything runs. */
  DriverSymbols(SymbolLookup library) {
    // CUresult cuLaunchKernelEx(const CUlaunchConfig*, CUfunction, void** params, void** extra)
    launchKernelEx =
        find(
            library,
            "cuLaunchKernelEx",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS));
    // CUresult cuTensorMapEncodeTiled(CUtensorMap*, type, rank, void* address, const cuuint64_t*
    // extents, const cuuint64_t* strides, const cuuint32_t* box, const cuuint32_t* elementStrides,
    // interleave, swizzle, l2Promotion, fill)
    tensorMapEncodeTiled =
        find(
            library,
            "cuTensorMapEncodeTiled",
            FunctionDescriptor.of(
                JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS,
                ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  }

  private static MethodHandle find(SymbolLookup library, String name, FunctionDescriptor type) {
    MemorySegment symbol =
        library.find(name).orElseThrow(() -> new UnsatisfiedLinkError(LIBRARY + " has no " + name));
    return Linker.nativeLinker().downcallHandle(symbol, type);
  }

  /** Launches a kernel that takes one struct; returns the driver's result. */
  int launch(long function, Grid grid, MemorySegment params, long stream) {
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
    m.set(ADDRESS, STRUCT, params);
    try {
      return (int)
          launchKernelEx.invokeExact(
              m, function, m.asSlice(STRUCT, Long.BYTES), MemorySegment.NULL);
    } catch (Throwable e) {
      throw new IllegalStateException("cuLaunchKernelEx could not be called", e);
    } finally {
      Reference.reachabilityFence(params); // only its address is in the argument
    }
  }

  /** Encodes a tensor map into 128 bytes at a multiple of 128; returns the driver's result. */
  int encode(TensorMap map, MemorySegment target) {
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
          tensorMapEncodeTiled.invokeExact(
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
      throw new IllegalStateException("cuTensorMapEncodeTiled could not be called", e);
    }
  }
}
