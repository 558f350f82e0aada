package dev.quern.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A decode step's attention allocates nothing once C2 has compiled it, whatever the number of keys:
 * a vector that C2 doesn't see through is an object for each head and tile of keys, for good. In
 * shapes of a model of a billion parameters, because C2 inlines by how often loops ran.
 */
class AttentionAllocationTest {
  private static final MethodHandle COUNTER = counter();
  private static final int HEADS = 32;
  private static final int KEY_HEADS = 8;
  private static final int DIM = 64;

  /** By reflection: the module under test doesn't read the one that counts. */
  private static MethodHandle counter() {
    try {
      Object bean =
          Class.forName("java.lang.management.ManagementFactory")
              .getMethod("getThreadMXBean")
              .invoke(null);
      return MethodHandles.publicLookup()
          .findVirtual(
              Class.forName("com.sun.management.ThreadMXBean"),
              "getCurrentThreadAllocatedBytes",
              MethodType.methodType(long.class))
          .bindTo(bean);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static long allocated() throws Throwable {
    return (long) COUNTER.invokeExact();
  }

  @ParameterizedTest
  @CsvSource({"F32, 512, 0", "F32, 300, 0", "F16, 512, 0", "F32, 512, 30"})
  void stepsBecomeClean(String type, int keys, float softCap) throws Throwable {
    try (Arena arena = Arena.ofConfined();
        TaskPool pool = new TaskPool(1)) {
      Runnable step = bind(arena, pool, ScalarType.valueOf(type), keys, softCap);
      long measuring = -allocated();
      measuring += allocated();
      long least = Long.MAX_VALUE;
      for (int block = 0; block < 200 && least > 0; block++) {
        long before = allocated();
        for (int i = 0; i < 50; i++) {
          step.run();
        }
        long bytes = allocated() - before - measuring;
        least = Math.min(least, bytes);
      }
      assertTrue(least <= 0, least + " bytes in the best block of 50 steps");
    }
  }

  private static Runnable bind(
      Arena arena, TaskPool pool, ScalarType type, int keys, float softCap) {
    Random r = new Random(1);
    Layout cache =
        Layout.contiguous(Shape.of(1, KEY_HEADS, keys, DIM)).permute(List.of(0, 2, 1, 3));
    TensorView q = row(arena);
    fill(q, r);
    TensorView k = view(arena, type, cache);
    TensorView v = view(arena, type, cache);
    fill(k, r);
    fill(v, r);
    TensorView start = view(arena, ScalarType.I32, Layout.contiguous(Shape.of(1)));
    TensorView length = view(arena, ScalarType.I32, Layout.contiguous(Shape.of(1)));
    start.segment().set(Segments.I32, 0, keys - 1);
    length.segment().set(Segments.I32, 0, keys);
    Attention op = new Attention(true, 0.125f, softCap, 0, false, true, true);
    List<TensorView> in = List.of(q, k, v, start, length);
    List<TensorView> out = List.of(row(arena));
    KernelSignature signature =
        new KernelSignature(
            op,
            in.stream().map(TensorView::dtype).toList(),
            in.stream().map(x -> LayoutClass.of(x.layout())).toList(),
            List.of(ScalarType.F32),
            false,
            Precision.AUTO);
    Kernel kernel = Objects.requireNonNull(new VectorProvider().find(signature));
    MemorySegment scratch = arena.allocate(kernel.scratchBytes(in, out), 64);
    return kernel.bind(new KernelArgs(op, in, out, Precision.AUTO, pool, scratch));
  }

  private static TensorView row(Arena arena) {
    return view(arena, ScalarType.F32, Layout.contiguous(Shape.of(1, 1, HEADS, DIM)));
  }

  private static TensorView view(Arena arena, ScalarType type, Layout layout) {
    return new TensorView(type, layout, arena.allocate(type.bytes(layout.shape().elements()), 64));
  }

  private static void fill(TensorView x, Random r) {
    for (long i = 0; i < x.shape().elements(); i++) {
      float v = r.nextFloat() - 0.5f;
      if (x.dtype() == ScalarType.F32) {
        x.segment().set(Segments.F32, 4 * i, v);
      } else {
        x.segment().set(Segments.I16, 2 * i, Float.floatToFloat16(v));
      }
    }
  }
}
