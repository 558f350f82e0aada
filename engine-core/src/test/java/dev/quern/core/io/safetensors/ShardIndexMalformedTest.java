package dev.quern.core.io.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.core.io.Hostile;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Indexes that are damaged, lie, or point out of their folder. */
class ShardIndexMalformedTest {
  private static final String SOUND =
      "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"s1.safetensors\","
          + "\"b\":\"s2.safetensors\"}}";

  @TempDir Path temporary;
  private Path folder;
  private Path index;
  private Hostile judge;

  @BeforeEach
  void setUp() throws IOException {
    folder = Files.createDirectories(temporary.resolve("model"));
    index = folder.resolve(SafetensorsFolder.INDEX);
    shard(folder.resolve("s1.safetensors"), "a");
    shard(folder.resolve("s2.safetensors"), "b");
    shard(temporary.resolve("outside.safetensors"), "a");
    judge = new Hostile(index, path -> SafetensorsFolder.open(folder).close());
  }

  private static void shard(Path path, String name) {
    new SafetensorsWriter()
        .tensor(name, TensorSpec.of(ScalarType.F32, 1), MemorySegment.ofArray(new byte[4]))
        .write(path);
  }

  private void refused(String text) {
    judge.refused(text, text.getBytes(StandardCharsets.UTF_8));
  }

  private void refusedShard(String name) {
    refused(SOUND.replace("s1.safetensors", name));
  }

  @Test
  void theSoundIndexIsRead() {
    judge.tolerated("sound", SOUND.getBytes(StandardCharsets.UTF_8));
    assertEquals(1, judge.harmless());
  }

  @Test
  void namesThatEscapeTheFolderAreRefused() {
    refusedShard("../outside.safetensors");
    refusedShard("..\\\\outside.safetensors");
    refusedShard(temporary.resolve("outside.safetensors").toString());
    refusedShard("./s1.safetensors");
    refusedShard("/etc/passwd");
    refusedShard("C:s1.safetensors");
    refusedShard("file:s1.safetensors");
    refusedShard("sub/s1.safetensors");
    refusedShard("s1.safetensors/");
    refusedShard("..");
    refusedShard(".");
    refusedShard("");
    refusedShard("\\u0000");
    refusedShard("s1.safetensors\\u0000.txt");
    refusedShard("%2e%2e/outside.safetensors");
    refusedShard("none.safetensors");
    refusedShard("x".repeat(100_000));
  }

  @Test
  void linksThatEscapeTheFolderAreRefused() throws IOException {
    links();
    refusedShard("link.safetensors");
    refusedShard("sub/outside.safetensors");
    Files.createSymbolicLink(folder.resolve("loop.safetensors"), Path.of("loop.safetensors"));
    refusedShard("loop.safetensors");
    Files.createSymbolicLink(folder.resolve("device.safetensors"), Path.of("/dev/zero"));
    refusedShard("device.safetensors");
    // A link within the folder does no harm.
    Files.createSymbolicLink(folder.resolve("inner.safetensors"), Path.of("s1.safetensors"));
    judge.tolerated(
        "inner link",
        SOUND.replace("s1.safetensors", "inner.safetensors").getBytes(StandardCharsets.UTF_8));
    assertEquals(1, judge.harmless());
  }

  private void links() throws IOException {
    try {
      Files.createSymbolicLink(
          folder.resolve("link.safetensors"), temporary.resolve("outside.safetensors"));
      Files.createSymbolicLink(folder.resolve("sub"), temporary);
    } catch (UnsupportedOperationException e) {
      assumeTrue(false, "skipped: the file system has no symbolic links");
    }
  }

  @Test
  void theHubsCacheOfLinksIsRead() throws IOException {
    Path blobs = Files.createDirectories(temporary.resolve("blobs"));
    Path snapshot = Files.createDirectories(temporary.resolve("snapshots").resolve("1"));
    Files.writeString(blobs.resolve("1"), SOUND);
    shard(blobs.resolve("2"), "a");
    shard(blobs.resolve("3"), "b");
    String[] names = {SafetensorsFolder.INDEX, "s1.safetensors", "s2.safetensors"};
    for (int i = 0; i < names.length; i++) {
      Files.createSymbolicLink(snapshot.resolve(names[i]), Path.of("../../blobs/" + (i + 1)));
    }
    try (SafetensorsFolder model = SafetensorsFolder.open(snapshot)) {
      assertEquals(2, model.files().size());
    }
  }

  @Test
  void whatIsNoIndexIsRefused() {
    refused("");
    refused("{}");
    refused("[]");
    refused("null");
    refused("{\"weight_map\":{}}");
    refused("{\"weight_map\":[]}");
    refused("{\"weight_map\":null}");
    refused("{\"weight_map\":\"s1.safetensors\"}");
    refused(SOUND + SOUND);
    refused(SOUND.replace("\"s1.safetensors\"", "1"));
    refused(SOUND.replace("\"s1.safetensors\"", "[\"s1.safetensors\"]"));
    refused(SOUND.replace("\"b\"", "\"a\""));
    refused(SOUND.replace("\"b\"", "\"none\""));
    refused(SOUND.replace("s1", "s2"));
    refused(SOUND.replace("8", "[".repeat(100_000)));
    refused(SOUND.replace("}}", "}").replace("8}", "8},\"weight_map\":{\"a\":\"s1.safetensors\"}"));
  }

  @Test
  void truncationsAndBitFlips() {
    byte[] whole = SOUND.getBytes(StandardCharsets.UTF_8);
    judge.truncations(whole, IntStream.range(0, whole.length).toArray());
    judge.bitFlips(whole, whole.length, 20240131);
    assertTrue(judge.refused() > 200, judge.refused() + " refused");
  }

  @Test
  void aDamagedShardIsRefusedAndNothingStaysOpen() throws IOException {
    Files.writeString(index, SOUND);
    Files.writeString(folder.resolve("s2.safetensors"), "no tensors");
    String m =
        assertThrows(FormatException.class, () -> SafetensorsFolder.open(folder)).getMessage();
    assertTrue(m.contains("s2.safetensors"), m);
  }

  @Test
  void anIndexThatIsTooLargeIsRefused() throws IOException {
    Files.writeString(index, SOUND);
    try (RandomAccessFile file = new RandomAccessFile(index.toFile(), "rw")) {
      file.setLength(1L << 40);
    }
    judge.refusedFile("1 TiB");
  }
}
