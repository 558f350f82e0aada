package dev.quern.transformer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.transformer.Golden;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A file of 2.9 GB, all holes, is opened without reading it. */
class LargeModelTest {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path MAPPINGS = Path.of("/proc/self/smaps");
  private static final long SLACK_KIB = 64 << 10;

  /** The header, and the pages around it that the system maps along. */
  private static final long TOUCHED_KIB = 1 << 10;

  private static final int DIM = 4096;
  private static final int HIDDEN = 14336;
  private static final int LAYERS = 3;
  private static final int ALIGNMENT = 32;
  private static final String LAST_KEY_VALUE = "the last value";

  /** The metadata of the golden model with larger sizes, as bytes of a GGUF header. */
  private static byte[] metadata(Path temp) throws IOException {
    Map<String, Integer> sizes =
        Map.of(
            "llama.embedding_length", DIM,
            "llama.block_count", LAYERS,
            "llama.feed_forward_length", HIDDEN,
            "llama.attention.head_count", 32,
            "llama.attention.head_count_kv", 32);
    Set<String> left =
        Set.of(
            "llama.attention.key_length",
            "llama.attention.value_length",
            "llama.rope.dimension_count");
    Path small = temp.resolve("small.gguf");
    try (GgufFile from = GgufFile.open(Golden.of("llama/llama-F32.gguf"))) {
      GgufWriter to = new GgufWriter();
      from.metadata()
          .asMap()
          .forEach(
              (key, value) -> {
                Integer size = sizes.get(key);
                if (!left.contains(key)) {
                  to.put(key, size == null ? value : GgufValue.uint32(size));
                }
              });
      to.put("test.last", GgufValue.of(LAST_KEY_VALUE)).write(small);
    }
    byte[] bytes = Files.readAllBytes(small);
    int end =
        new String(bytes, StandardCharsets.ISO_8859_1).lastIndexOf(LAST_KEY_VALUE)
            + LAST_KEY_VALUE.length();
    return java.util.Arrays.copyOf(bytes, end);
  }

  private static Map<String, long[]> tensors() {
    Map<String, long[]> all = new LinkedHashMap<>();
    all.put("token_embd.weight", new long[] {DIM, 320});
    for (int i = 0; i < LAYERS; i++) {
      String p = "blk." + i + ".";
      for (String name : new String[] {"attn_q", "attn_k", "attn_v", "attn_output"}) {
        all.put(p + name + ".weight", new long[] {DIM, DIM});
      }
      all.put(p + "ffn_gate.weight", new long[] {DIM, HIDDEN});
      all.put(p + "ffn_up.weight", new long[] {DIM, HIDDEN});
      all.put(p + "ffn_down.weight", new long[] {HIDDEN, DIM});
      all.put(p + "attn_norm.weight", new long[] {DIM});
      all.put(p + "ffn_norm.weight", new long[] {DIM});
    }
    all.put("output_norm.weight", new long[] {DIM});
    return all;
  }

  /** Writes the header; the data is a hole. */
  private static Path sparse(Path temp) throws IOException {
    byte[] metadata = metadata(temp);
    Map<String, long[]> tensors = tensors();
    ByteBuffer header =
        ByteBuffer.allocate(metadata.length + 128 * tensors.size()).order(ByteOrder.LITTLE_ENDIAN);
    header.put(metadata).putLong(8, tensors.size());
    long offset = 0;
    for (Map.Entry<String, long[]> t : tensors.entrySet()) {
      byte[] name = t.getKey().getBytes(StandardCharsets.UTF_8);
      header.putLong(name.length).put(name).putInt(t.getValue().length);
      long bytes = Float.BYTES;
      for (long n : t.getValue()) {
        header.putLong(n);
        bytes *= n;
      }
      header.putInt(0).putLong(offset); // type 0 is F32
      offset += bytes;
    }
    Path file = temp.resolve("large.gguf");
    long data = (header.position() + ALIGNMENT - 1L) / ALIGNMENT * ALIGNMENT;
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.write(header.array(), 0, header.position());
      out.setLength(data + offset);
    }
    return file;
  }

  private static long residentKib() throws IOException {
    try (var lines = Files.lines(STATUS)) {
      return lines
          .filter(l -> l.startsWith("VmRSS:"))
          .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")))
          .sum();
    }
  }

  /** How much of a mapped file was touched. */
  private static long touchedKib(Path file) throws IOException {
    long sum = 0;
    boolean mapped = false;
    boolean ours = false;
    for (String line : Files.readAllLines(MAPPINGS)) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        ours = line.endsWith("/" + file.getParent().getFileName() + "/" + file.getFileName());
        mapped |= ours;
      } else if (ours && line.startsWith("Rss:")) {
        sum += Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    assertTrue(mapped, "the file is mapped");
    return sum;
  }

  @Test
  void openingReadsNoWeights(@TempDir Path temp) throws IOException {
    Assumptions.assumeTrue(Files.exists(STATUS), "skipped: there is no /proc here");
    Models.open(Golden.of("llama/llama-F32.gguf")).close(); // loads the classes
    Path file = sparse(temp);
    assertTrue(Files.size(file) > 2_500_000_000L);
    long before = residentKib();
    try (var model = Models.openCausal(file, ModelOptions.DEFAULT)) {
      long grown = residentKib() - before;
      assertTrue(grown < SLACK_KIB, "resident memory grew by " + grown + " KiB");
      long touched = touchedKib(file);
      assertTrue(touched < TOUCHED_KIB, touched + " KiB of the file were touched");
      assertEquals(LAYERS, model.decoder().dimensions().layers());
      assertEquals(128, model.decoder().dimensions().headDim());
    }
  }
}
