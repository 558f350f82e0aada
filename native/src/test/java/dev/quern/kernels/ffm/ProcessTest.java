package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.testkit.Origin;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** What concerns the whole process: denied native access, several callers at once. */
class ProcessTest {

  /** Prints the probe's answer; run in a process of its own. */
  static final class PrintProbe {
    private PrintProbe() {}

    public static void main(String[] arguments) {
      System.out.println(new NativeKernels().probe());
    }
  }

  @Test
  void explainsDeniedNativeAccess() throws IOException, InterruptedException {
    Harness.tiers();
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    Process process =
        new ProcessBuilder(
                java.toString(),
                "--illegal-native-access=deny",
                "-cp",
                String.join(
                    File.pathSeparator,
                    Origin.of(PrintProbe.class),
                    Origin.of(NativeKernels.class),
                    Origin.of(KernelProvider.class),
                    System.getProperty("java.class.path")),
                PrintProbe.class.getName())
            .redirectErrorStream(true)
            .start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), text);
    assertTrue(text.contains("native access is denied"), text);
    assertTrue(text.contains("--enable-native-access="), text);
  }

  @Test
  void severalCallersAtOnceGetTheSameBits() throws Exception {
    Functions best = Harness.tiers().getLast();
    Random random = new Random(9);
    TensorView x = Harness.floats(random, 40, 256);
    TensorView w = Harness.stored(random, BlockType.Q4_K, 300, 256);
    var op = new MatMulOp.Linear(false);
    List<TensorView> in = List.of(x, w);
    TensorView expected = Harness.run(best, op, false, Precision.FAST, in).getFirst();
    Kernel kernel =
        Objects.requireNonNull(
            NativeKernels.find(best, Harness.signature(op, in, false, Precision.FAST)));
    try (TaskPool pool = new TaskPool(2);
        var callers = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<TensorView>> results = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        results.add(
            callers.submit(
                () -> {
                  TensorView y = Harness.empty(ScalarType.F32, 40, 300);
                  MemorySegment scratch =
                      Arena.ofAuto().allocate(kernel.scratchBytes(in, List.of(y)), 64);
                  kernel.run(new KernelArgs(op, in, List.of(y), Precision.FAST, pool, scratch));
                  return y;
                }));
      }
      for (Future<TensorView> r : results) {
        assertEquals(-1, expected.segment().mismatch(r.get().segment()));
      }
    }
  }
}
