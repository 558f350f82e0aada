package dev.quern.kernels.cuda.launch;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.quern.core.type.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * NVRTC of one major version, through FFM: each call declared once, with the signature that {@code
 * nvrtc.h} gives it since CUDA 11.1.
 */
@SuppressWarnings("restricted")
final class Nvrtc implements RuntimeCompiler {
  private static final String NAME = "libnvrtc.so.";

  private final MethodHandle version;
  private final MethodHandle createProgram;
  private final MethodHandle compileProgram;
  private final MethodHandle programLogSize;
  private final MethodHandle programLog;
  private final MethodHandle cubinSize;
  private final MethodHandle cubin;
  private final MethodHandle destroyProgram;
  private final String versionText;

  Nvrtc(SymbolLookup library) {
    // nvrtcResult nvrtcVersion(int* major, int* minor)
    version = find(library, "nvrtcVersion", ADDRESS, ADDRESS);
    // nvrtcResult nvrtcCreateProgram(nvrtcProgram*, const char* source, const char* name, int
    // headers, const char* const* texts, const char* const* names)
    createProgram =
        find(library, "nvrtcCreateProgram", ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
    // nvrtcResult nvrtcCompileProgram(nvrtcProgram, int options, const char* const* options)
    compileProgram = find(library, "nvrtcCompileProgram", JAVA_LONG, JAVA_INT, ADDRESS);
    // nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram, size_t*), and so on
    programLogSize = find(library, "nvrtcGetProgramLogSize", JAVA_LONG, ADDRESS);
    programLog = find(library, "nvrtcGetProgramLog", JAVA_LONG, ADDRESS);
    cubinSize = find(library, "nvrtcGetCUBINSize", JAVA_LONG, ADDRESS);
    cubin = find(library, "nvrtcGetCUBIN", JAVA_LONG, ADDRESS);
    destroyProgram = find(library, "nvrtcDestroyProgram", ADDRESS);
    versionText = askVersion();
  }

  /**
   * The library of a major version, where the system finds it.
   *
   * @param major of the driver's CUDA version: a newer NVRTC makes what the driver can't load
   * @return empty if there is none
   */
  static Optional<RuntimeCompiler> find(int major) {
    try {
      return Optional.of(new Nvrtc(SymbolLookup.libraryLookup(NAME + major, Arena.global())));
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

  private static int result(String name, Call call) {
    try {
      return call.run();
    } catch (Throwable e) {
      throw new IllegalStateException(name + " could not be called", e);
    }
  }

  private static void check(String name, Call call) {
    int result = result(name, call);
    if (result != 0) {
      throw new DeviceException(
          "[cuda] " + name + " returned " + result + "; check the installation of NVRTC");
    }
  }

  private String askVersion() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment major = arena.allocate(JAVA_INT);
      MemorySegment minor = arena.allocate(JAVA_INT);
      check("nvrtcVersion", () -> (int) version.invokeExact(major, minor));
      return major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0);
    }
  }

  @Override
  public String version() {
    return versionText;
  }

  @Override
  public byte[] compile(
      String name, String source, Map<String, String> headers, String architecture) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle = arena.allocate(JAVA_LONG);
      List<String> names = new ArrayList<>(headers.keySet());
      MemorySegment texts = strings(arena, names.stream().map(headers::get).toList());
      MemorySegment included = strings(arena, names);
      MemorySegment sourceText = arena.allocateFrom(source);
      MemorySegment sourceName = arena.allocateFrom(name);
      check(
          "nvrtcCreateProgram",
          () ->
              (int)
                  createProgram.invokeExact(
                      handle, sourceText, sourceName, names.size(), texts, included));
      try {
        return compile(arena, handle.get(JAVA_LONG, 0), name, architecture);
      } finally {
        check("nvrtcDestroyProgram", () -> (int) destroyProgram.invokeExact(handle));
      }
    }
  }

  private byte[] compile(Arena arena, long program, String name, String architecture) {
    List<String> options =
        List.of("--gpu-architecture=" + architecture, "--std=c++17", "--fmad=false");
    MemorySegment optionTexts = strings(arena, options);
    int result =
        result(
            "nvrtcCompileProgram",
            () -> (int) compileProgram.invokeExact(program, options.size(), optionTexts));
    if (result != 0) {
      MemorySegment log = get(arena, program, "nvrtcGetProgramLog", programLogSize, programLog);
      throw new DeviceException(
          "[cuda] NVRTC %s can't compile %s for %s: %s"
              .formatted(versionText, name, architecture, log.getString(0).strip()));
    }
    return get(arena, program, "nvrtcGetCUBIN", cubinSize, cubin).toArray(JAVA_BYTE);
  }

  /** What a program has of something that has a size. */
  private static MemorySegment get(
      Arena arena, long program, String name, MethodHandle sizeOf, MethodHandle read) {
    MemorySegment size = arena.allocate(JAVA_LONG);
    check(name + "Size", () -> (int) sizeOf.invokeExact(program, size));
    MemorySegment bytes = arena.allocate(Math.max(1, size.get(JAVA_LONG, 0)));
    check(name, () -> (int) read.invokeExact(program, bytes));
    return bytes;
  }

  private static MemorySegment strings(Arena arena, List<String> values) {
    MemorySegment pointers = arena.allocate(ADDRESS, Math.max(1, values.size()));
    for (int i = 0; i < values.size(); i++) {
      pointers.setAtIndex(ADDRESS, i, arena.allocateFrom(values.get(i)));
    }
    return pointers;
  }
}
