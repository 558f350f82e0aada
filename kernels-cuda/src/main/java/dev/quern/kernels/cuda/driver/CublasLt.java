package dev.quern.kernels.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * cuBLASLt through FFM: each call declared once, with the signature that {@code cublasLt.h} gives
 * it in CUDA 12 and 13. What a product needs of it is a {@link CublasLtProduct}.
 *
 * <p>Each call throws {@link CudaDriverException} with call and status if it is refused.
 */
@SuppressWarnings("restricted")
public final class CublasLt implements AutoCloseable {
  private static final String NAME = "libcublasLt.so.";
  private static final int OLDEST = 12;
  private static final int NEWEST = 13;

  private final MethodHandle destroy;
  private final MethodHandle descCreate;
  private final MethodHandle descSet;
  private final MethodHandle descDestroy;
  private final MethodHandle layoutCreate;
  private final MethodHandle layoutSet;
  private final MethodHandle layoutDestroy;
  private final MethodHandle preferenceCreate;
  private final MethodHandle preferenceSet;
  private final MethodHandle preferenceDestroy;
  private final MethodHandle heuristic;
  private final MethodHandle matmul;
  private final long handle;

  /**
   * Binds a library, and creates its handle in the current context.
   *
   * @param library its symbols
   */
  public CublasLt(SymbolLookup library) {
    // cublasStatus_t cublasLtCreate(cublasLtHandle_t*)
    MethodHandle create = find(library, "cublasLtCreate", ADDRESS);
    destroy = find(library, "cublasLtDestroy", JAVA_LONG);
    // cublasLtMatmulDescCreate(cublasLtMatmulDesc_t*, cublasComputeType_t, cudaDataType_t scale)
    descCreate = find(library, "cublasLtMatmulDescCreate", ADDRESS, JAVA_INT, JAVA_INT);
    // cublasLtMatmulDescSetAttribute(desc, attribute, const void* value, size_t bytes)
    descSet =
        find(library, "cublasLtMatmulDescSetAttribute", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    descDestroy = find(library, "cublasLtMatmulDescDestroy", JAVA_LONG);
    // cublasLtMatrixLayoutCreate(layout*, cudaDataType, uint64_t rows, uint64_t columns, int64_t
    // leadingDimension)
    layoutCreate =
        find(
            library,
            "cublasLtMatrixLayoutCreate",
            ADDRESS,
            JAVA_INT,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG);
    layoutSet =
        find(library, "cublasLtMatrixLayoutSetAttribute", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    layoutDestroy = find(library, "cublasLtMatrixLayoutDestroy", JAVA_LONG);
    preferenceCreate = find(library, "cublasLtMatmulPreferenceCreate", ADDRESS);
    preferenceSet =
        find(
            library,
            "cublasLtMatmulPreferenceSetAttribute",
            JAVA_LONG,
            JAVA_INT,
            ADDRESS,
            JAVA_LONG);
    preferenceDestroy = find(library, "cublasLtMatmulPreferenceDestroy", JAVA_LONG);
    // cublasLtMatmulAlgoGetHeuristic(handle, desc, A, B, C, D, preference, int asked, result*, int*
    // found)
    heuristic =
        find(
            library,
            "cublasLtMatmulAlgoGetHeuristic",
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_INT,
            ADDRESS,
            ADDRESS);
    // cublasLtMatmul(handle, desc, const void* alpha, a, A, b, B, const void* beta, c, C, d, D,
    // const algo*, void* workspace, size_t workspaceBytes, cudaStream_t)
    matmul =
        find(
            library,
            "cublasLtMatmul",
            JAVA_LONG,
            JAVA_LONG,
            ADDRESS,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            ADDRESS,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG,
            ADDRESS,
            JAVA_LONG,
            JAVA_LONG,
            JAVA_LONG);
    handle = made("cublasLtCreate", out -> (int) create.invokeExact(out));
  }

  /**
   * The newest library that a driver serves, where the system finds it.
   *
   * @param driverMajor the major number of the driver's CUDA version
   * @return empty if there is none
   */
  public static Optional<CublasLt> find(int driverMajor) {
    for (int major = Math.min(driverMajor, NEWEST); major >= OLDEST; major--) {
      Optional<SymbolLookup> library = lookup(NAME + major);
      if (library.isPresent()) {
        return Optional.of(new CublasLt(library.get()));
      }
    }
    return Optional.empty();
  }

  private static Optional<SymbolLookup> lookup(String name) {
    try {
      return Optional.of(SymbolLookup.libraryLookup(name, Arena.global()));
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // libraryLookup's way to say that there is no such library
    }
  }

  private static MethodHandle find(SymbolLookup library, String name, MemoryLayout... parameters) {
    return Linker.nativeLinker()
        .downcallHandle(library.findOrThrow(name), FunctionDescriptor.of(JAVA_INT, parameters));
  }

  private interface Call {
    int run() throws Throwable;
  }

  private interface Maker {
    int run(MemorySegment out) throws Throwable;
  }

  private static void check(String name, Call call) {
    int status;
    try {
      status = call.run();
    } catch (Throwable e) {
      throw new IllegalStateException(name + " could not be called", e);
    }
    if (status != 0) {
      throw new CudaDriverException(name, "CUBLAS_STATUS " + status);
    }
  }

  private static long made(String name, Maker maker) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(name, () -> maker.run(out));
      return out.get(JAVA_LONG, 0);
    }
  }

  /** Destroys the library's handle; what was described stays to be freed. */
  @Override
  public void close() {
    check("cublasLtDestroy", () -> (int) destroy.invokeExact(handle));
  }

  long createDesc(int compute, int scale) {
    return made(
        "cublasLtMatmulDescCreate", out -> (int) descCreate.invokeExact(out, compute, scale));
  }

  long createLayout(int type, long rows, long columns, long leading) {
    return made(
        "cublasLtMatrixLayoutCreate",
        out -> (int) layoutCreate.invokeExact(out, type, rows, columns, leading));
  }

  long createPreference() {
    return made("cublasLtMatmulPreferenceCreate", out -> (int) preferenceCreate.invokeExact(out));
  }

  void setDesc(long desc, int attribute, MemorySegment value) {
    check(
        "cublasLtMatmulDescSetAttribute",
        () -> (int) descSet.invokeExact(desc, attribute, value, value.byteSize()));
  }

  void setLayout(long layout, int attribute, MemorySegment value) {
    check(
        "cublasLtMatrixLayoutSetAttribute",
        () -> (int) layoutSet.invokeExact(layout, attribute, value, value.byteSize()));
  }

  void setPreference(long preference, int attribute, MemorySegment value) {
    check(
        "cublasLtMatmulPreferenceSetAttribute",
        () -> (int) preferenceSet.invokeExact(preference, attribute, value, value.byteSize()));
  }

  void destroyDesc(long desc) {
    check("cublasLtMatmulDescDestroy", () -> (int) descDestroy.invokeExact(desc));
  }

  void destroyLayout(long layout) {
    check("cublasLtMatrixLayoutDestroy", () -> (int) layoutDestroy.invokeExact(layout));
  }

  void destroyPreference(long preference) {
    check("cublasLtMatmulPreferenceDestroy", () -> (int) preferenceDestroy.invokeExact(preference));
  }

  /** Fills in up to so many results; returns how many, 0 if the library has no algorithm. */
  int heuristic(
      long desc, long a, long b, long c, long preference, int asked, MemorySegment results) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(JAVA_INT);
      check(
          "cublasLtMatmulAlgoGetHeuristic",
          () ->
              (int)
                  heuristic.invokeExact(
                      handle, desc, a, b, c, c, preference, asked, results, found));
      return found.get(JAVA_INT, 0);
    }
  }

  /** What a product works on. */
  record Operands(
      long a,
      long aLayout,
      long b,
      long bLayout,
      long c,
      long cLayout,
      long workspace,
      long bytes) {}

  /** c = alpha · a · b + beta · c. */
  void matmul(
      long desc,
      MemorySegment alpha,
      MemorySegment beta,
      Operands o,
      MemorySegment algorithm,
      long rawStream) {
    check(
        "cublasLtMatmul",
        () ->
            (int)
                matmul.invokeExact(
                    handle,
                    desc,
                    alpha,
                    o.a(),
                    o.aLayout(),
                    o.b(),
                    o.bLayout(),
                    beta,
                    o.c(),
                    o.cLayout(),
                    o.c(),
                    o.cLayout(),
                    algorithm,
                    o.workspace(),
                    o.bytes(),
                    rawStream));
  }
}
