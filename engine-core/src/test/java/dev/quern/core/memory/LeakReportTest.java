package dev.quern.core.memory;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.MessageFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeakReportTest {
  private static final class Collector extends Handler {
    private final List<String> messages = new CopyOnWriteArrayList<>();

    @Override
    public void publish(LogRecord r) {
      messages.add(MessageFormat.format(r.getMessage(), r.getParameters()));
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  void aForgottenFileIsReportedByTypeShapeAndOwner(@TempDir Path dir) throws Exception {
    Logger logger = Logger.getLogger("dev.quern.memory");
    Collector collector = new Collector();
    logger.addHandler(collector);
    logger.setUseParentHandlers(false);
    try {
      forget(dir);
      for (int i = 0; i < 200 && collector.messages.isEmpty(); i++) {
        System.gc();
        Thread.sleep(10);
      }
    } finally {
      logger.removeHandler(collector);
      logger.setUseParentHandlers(true);
    }
    assertTrue(
        collector.messages.stream()
            .anyMatch(m -> m.contains("weights.bin") && m.contains("[2, 3] F32")),
        collector.messages.toString());
  }

  private static void forget(Path dir) throws IOException {
    Path file = dir.resolve("weights.bin");
    Files.write(file, new byte[64]);
    MappedFile mapped = MappedFile.open(file);
    mapped.storage(0, TensorSpec.of(ScalarType.F32, 2, 3));
  }
}
