package dev.quern.kernels.ffm;

import dev.quern.core.spi.Ceiling;
import dev.quern.core.spi.CeilingLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The loops of {@code ceilings.h}. */
final class NativeCeiling implements CeilingLoop {
  private static final long SINK_BYTES = 4096;

  private final Functions functions;
  private final Functions.Function function;

  private NativeCeiling(Functions functions, Functions.Function function) {
    this.functions = functions;
    this.function = function;
  }

  /** The loop in the best tier, or null if no tier in use has the unit. */
  static @Nullable CeilingLoop of(Functions functions, Ceiling ceiling) {
    return functions.find(kernel(ceiling)).map(f -> new NativeCeiling(functions, f)).orElse(null);
  }

  private static String kernel(Ceiling ceiling) {
    return switch (ceiling) {
      case MEMORY_READ, CACHE_READ -> "ceiling_read";
      case F32_FMA -> "ceiling_fma";
      case INT8_DOT -> "ceiling_dot_i8";
      case BF16_DOT -> "ceiling_dot_bf16";
      case BF16_TILES -> "ceiling_tiles_bf16";
      case BF16_TILES_CACHE -> "ceiling_tiles_bf16_memory";
      case INT8_TILES -> "ceiling_tiles_i8";
      case INT8_TILES_CACHE -> "ceiling_tiles_i8_memory";
    };
  }

  @Override
  public String name() {
    return "native " + function.tier().suffix();
  }

  @Override
  public long run(MemorySegment memory, long rounds) {
    if (memory.byteSize() < LEAST_BYTES) {
      throw new IllegalArgumentException(
          "a ceiling's loop needs " + LEAST_BYTES + " bytes, got " + memory.byteSize());
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment sink = arena.allocate(SINK_BYTES, 64);
      return Calls.ceiling(function.address(), memory, memory.byteSize(), rounds, sink);
    }
  }

  @Override
  public void prepare(MemorySegment memory) {
    functions.largePages(memory);
  }
}
