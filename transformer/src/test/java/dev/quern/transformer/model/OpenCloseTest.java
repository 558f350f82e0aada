package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Session;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a process keeps of models that it closed: nothing. */
class OpenCloseTest {
  private static final Path PROCESS = Path.of("/proc/self");
  private static final long SLACK_KIB = 48 << 10;

  /** Opens, uses and closes a model with a session. */
  private static void use(Path path) {
    try (var model = (CausalLanguageModel) Models.open(path);
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

  private static long residentKib() throws IOException {
    try (var lines = Files.lines(PROCESS.resolve("status"))) {
      return lines
          .filter(l -> l.startsWith("VmRSS:"))
          .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")))
          .sum();
    }
  }

  @Test
  void aThousandOpensAndClosesLeaveNothing() throws IOException {
    Assumptions.assumeTrue(Files.isDirectory(PROCESS), "skipped: there is no /proc here");
    List<Path> paths = List.of(Golden.of("llama/llama-Q8_0.gguf"), Golden.of("llama/hf"));
    for (int i = 0; i < 200; i++) {
      use(paths.get(i % 2));
    }
    System.gc();
    long files = openFiles();
    long resident = residentKib();
    for (int i = 0; i < 1000; i++) {
      use(paths.get(i % 2));
    }
    System.gc();
    assertEquals(0, mapped("llama-Q8_0.gguf"));
    assertEquals(0, mapped("model.safetensors"));
    assertTrue(openFiles() <= files + 3, openFiles() + " open files, before " + files);
    long grown = residentKib() - resident;
    assertTrue(grown < SLACK_KIB, "resident memory grew by " + grown + " KiB");
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
    var model = (CausalLanguageModel) Models.open(Golden.of("llama/llama-F32.gguf"));
    try (Session s = model.openSession(1, 8)) {
      s.step(1);
      model.close();
      assertThrows(ScopeClosedException.class, () -> s.step(2));
      assertThrows(ScopeClosedException.class, () -> s.prefill(0, 2));
    }
    assertThrows(ScopeClosedException.class, () -> model.openSession(1, 8));
  }

  @Test
  void aFileThatShrankIsNoticedBeforeAPrefill(@TempDir Path temp) throws IOException {
    Path file = temp.resolve("shrinking.gguf");
    Files.copy(Golden.of("llama/llama-F32.gguf"), file);
    try (var model = (CausalLanguageModel) Models.open(file);
        Session s = model.openSession(1, 8)) {
      s.prefill(0, 1);
      try (var channel =
          java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
        channel.truncate(Files.size(file) - 4096);
      }
      var e = assertThrows(FormatException.class, () -> s.prefill(0, 2));
      assertTrue(e.getMessage().contains("shrank"), e.getMessage());
    }
  }

  @Test
  void aForgottenModelIsReported() throws InterruptedException {
    List<String> reports = new CopyOnWriteArrayList<>();
    Logger logger = Logger.getLogger("dev.quern.memory");
    Handler handler =
        new Handler() {
          private final SimpleFormatter formatter = new SimpleFormatter();

          @Override
          public void publish(LogRecord r) {
            reports.add(formatter.formatMessage(r));
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    logger.addHandler(handler);
    try {
      forget();
      for (int i = 0; i < 100 && !reported(reports); i++) {
        System.gc();
        Thread.sleep(50);
      }
      assertTrue(reported(reports), reports.toString());
      String all = reports.toString();
      assertTrue(all.contains("KV cache"), all);
      assertTrue(all.contains("F32"), all);
    } finally {
      logger.removeHandler(handler);
    }
  }

  private static boolean reported(List<String> reports) {
    return reports.stream().anyMatch(r -> r.contains("mapped file 'llama-Q4_K.gguf'"))
        && reports.stream().anyMatch(r -> r.contains("KV cache"));
  }

  @SuppressWarnings("resource")
  private static void forget() {
    var model = (CausalLanguageModel) Models.open(Golden.of("llama/llama-Q4_K.gguf"));
    model.openSession(1, 8).step(1);
  }
}
