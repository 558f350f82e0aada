package dev.quern.core.memory;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeakReportTest {
  @Test
  void aForgottenFileIsReportedByTypeShapeAndOwner(@TempDir Path dir) throws Exception {
    List<String> messages = new CopyOnWriteArrayList<>();
    Consumer<String> log = LeakReport.reportTo(messages::add);
    try {
      forget(dir);
      for (int i = 0; i < 200 && messages.isEmpty(); i++) {
        System.gc();
        Thread.sleep(10);
      }
    } finally {
      LeakReport.reportTo(log);
    }
    assertTrue(
        messages.stream().anyMatch(m -> m.contains("weights.bin") && m.contains("[2, 3] F32")),
        messages.toString());
  }

  private static void forget(Path dir) throws IOException {
    Path file = dir.resolve("weights.bin");
    Files.write(file, new byte[64]);
    MappedFile mapped = MappedFile.open(file);
    mapped.storage(0, TensorSpec.of(ScalarType.F32, 2, 3));
  }
}
