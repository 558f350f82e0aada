package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.LeakReport;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Session;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a process keeps of models that it closed: nothing. */
class OpenCloseTest {
  private static final Path PROCESS = Path.of("/proc/self");
  private static final long SLACK_BYTES = 8 << 20;

  /** Opens, uses and closes a model with a session. */
  private static void use(Path path) {
    try (var model = Models.openCausal(path, ModelOptions.DEFAULT);
        Session s = model.openSession(1, 8)) {
      s.prefill(0, 1, 2);
      s.step(3);
    }
  }

  private static long mapped(String name) throws IOException {
    try (var lines = Files.lines(PROCESS.resolve("maps"))) {
      return lines.filter(l -> l.contains(name)).count();
    }
  }

  private static long openFiles() throws IOException {
    try (var files = Files.list(PROCESS.resolve("fd"))) {
      return files.count();
    }
  }

  /**
   * Bytes of segments that were allocated and not freed. By reflection, because the module does not
   * read {@code java.management}.
   */
  private static long offHeapBytes() {
    try {
      Class<?> type = Class.forName("java.lang.management.BufferPoolMXBean");
      Object pools =
          Class.forName("java.lang.management.ManagementFactory")
              .getMethod("getPlatformMXBeans", Class.class)
              .invoke(null, type);
      for (Object pool : (List<?>) pools) {
        if (type.getMethod("getName").invoke(pool).equals("direct")) {
          return (long) type.getMethod("getMemoryUsed").invoke(pool);
        }
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
    throw new IllegalStateException("there is no pool of direct memory");
  }

  private static long heapBytes() {
    Runtime r = Runtime.getRuntime();
    return r.totalMemory() - r.freeMemory();
  }

  /** Lets the collector and its cleaners finish. */
  private static void collect() throws InterruptedException {
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(50);
    }
  }

  @Test
  void aThousandOpensAndClosesLeaveNothing() throws IOException, InterruptedException {
    Assumptions.assumeTrue(Files.isDirectory(PROCESS), "skipped: there is no /proc here");
    List<Path> paths = List.of(Golden.of("llama/llama-Q8_0.gguf"), Golden.of("llama/hf"));
    for (int i = 0; i < 200; i++) {
      use(paths.get(i % 2));
    }
    collect();
    long files = openFiles();
    long threads = Thread.getAllStackTraces().size();
    long offHeap = offHeapBytes();
    long heap = heapBytes();
    for (int i = 0; i < 1000; i++) {
      use(paths.get(i % 2));
    }
    collect();
    assertEquals(0, mapped("llama-Q8_0.gguf"));
    assertEquals(0, mapped("model.safetensors"));
    assertTrue(openFiles() <= files + 3, openFiles() + " open files, before " + files);
    long nowThreads = Thread.getAllStackTraces().size();
    assertTrue(nowThreads <= threads + 3, nowThreads + " threads, before " + threads);
    long grown = offHeapBytes() - offHeap;
    assertTrue(grown < SLACK_BYTES, "segments grew by " + grown + " bytes");
    grown = heapBytes() - heap;
    assertTrue(grown < SLACK_BYTES, "the heap grew by " + grown + " bytes");
  }

  @Test
  void failedOpensLeaveNothing(@TempDir Path temp) throws IOException {
    Assumptions.assumeTrue(Files.isDirectory(PROCESS), "skipped: there is no /proc here");
    Path broken = temp.resolve("broken.gguf");
    byte[] bytes = Files.readAllBytes(Golden.of("llama/llama-F32.gguf"));
    Files.write(broken, java.util.Arrays.copyOf(bytes, bytes.length - 64));
    for (int i = 0; i < 50; i++) {
      assertThrows(FormatException.class, () -> Models.open(broken));
    }
    assertEquals(0, mapped("broken.gguf"));
  }

  @Test
  void aSessionOfAClosedModelIsRefused() {
    var model = Models.openCausal(Golden.of("llama/llama-F32.gguf"), ModelOptions.DEFAULT);
    try (Session s = model.openSession(1, 8)) {
      s.step(1);
      model.close();
      assertThrows(ScopeClosedException.class, () -> s.step(2));
      assertThrows(ScopeClosedException.class, () -> s.prefill(0, 2));
    }
    assertThrows(ScopeClosedException.class, () -> model.openSession(1, 8));
  }

  @Test
  void aFileThatShrankIsNoticedBeforeAPrefillOrStep(@TempDir Path temp) throws Exception {
    Path file = temp.resolve("shrinking.gguf");
    Files.copy(Golden.of("llama/llama-F32.gguf"), file);
    try (var model = Models.openCausal(file, ModelOptions.DEFAULT);
        Session s = model.openSession(1, 8)) {
      s.prefill(0, 1);
      s.step(2);
      try (var channel =
          java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
        channel.truncate(Files.size(file) - 4096);
      }
      var e = assertThrows(FormatException.class, () -> s.prefill(0, 2));
      assertTrue(e.getMessage().contains("shrank"), e.getMessage());
      Thread.sleep(15);
      e = assertThrows(FormatException.class, () -> s.step(2));
      assertTrue(e.getMessage().contains("shrank"), e.getMessage());
    }
  }

  @Test
  void aForgottenModelIsReported() throws InterruptedException {
    List<String> reports = new CopyOnWriteArrayList<>();
    Consumer<String> log = LeakReport.reportTo(reports::add);
    try {
      forget();
      for (int i = 0; i < 600 && !reported(reports); i++) {
        System.gc();
        Thread.sleep(50);
      }
      assertTrue(reported(reports), reports.toString());
      assertTrue(reports.toString().contains("F32"), reports.toString());
    } finally {
      LeakReport.reportTo(log);
    }
  }

  private static boolean reported(List<String> reports) {
    return reports.stream().anyMatch(r -> r.contains("mapped file 'llama-Q4_K.gguf'"))
        && reports.stream().anyMatch(r -> r.contains("KV cache"));
  }

  @SuppressWarnings("resource")
  private static void forget() {
    var model = Models.openCausal(Golden.of("llama/llama-Q4_K.gguf"), ModelOptions.DEFAULT);
    model.openSession(1, 8).step(1);
  }
}
