package dev.quern.core.io.safetensors;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorSource;
import dev.quern.core.io.internal.JsonText;
import dev.quern.core.io.internal.PendingTensors;
import dev.quern.core.io.internal.PendingTensors.Pending;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.TensorSpec;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes tensors as one safetensors file or as a folder of shards: first say what is in it, then
 * {@link #write} or {@link #writeFolder}.
 *
 * <p>Within a file tensors are laid out like the format's own library does, by falling rank of the
 * element type and then by name, which aligns each to its element size; the same tensors give the
 * same bytes. Tensors given as a {@link TensorSource} produce their bytes only when their turn has
 * come. Files are replaced atomically.
 *
 * {@snippet :
 * new SafetensorsWriter()
 *     .put("format", "pt")
 *     .tensor("weight", TensorSpec.of(ScalarType.F32, 2, 3), bytes)
 *     .write(Path.of("model.safetensors"));
 * }
 */
public final class SafetensorsWriter {
  private static final int MAX_HEADER_BYTES = 100_000_000;
  private static final int HEADER_ALIGNMENT = 8;

  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final PendingTensors tensors = new PendingTensors("safetensors");

  /** A file without anything. */
  public SafetensorsWriter() {}

  /**
   * Adds a text pair to {@code __metadata__}, or replaces the text of a key.
   *
   * @param key any text
   * @param value any text
   * @return this writer
   */
  public SafetensorsWriter put(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Adds a tensor that is in memory.
   *
   * @param name unique, not {@code __metadata__}
   * @param spec dtype and shape
   * @param bytes all elements, row-major, little-endian; valid until written
   * @return this writer
   * @throws FormatException if name or size are wrong
   * @throws NotSupportedException for block types, which the format does not have
   */
  public SafetensorsWriter tensor(String name, TensorSpec spec, MemorySegment bytes) {
    check(name, spec);
    tensors.add(name, spec, bytes);
    return this;
  }

  /**
   * Adds a tensor whose bytes come later.
   *
   * @param name unique, not {@code __metadata__}
   * @param spec dtype and shape
   * @param source asked when the tensor is written, once
   * @return this writer
   * @throws FormatException if the name is wrong
   * @throws NotSupportedException for block types, which the format does not have
   */
  public SafetensorsWriter tensor(String name, TensorSpec spec, TensorSource source) {
    check(name, spec);
    tensors.add(name, spec, source);
    return this;
  }

  private static void check(String name, TensorSpec spec) {
    SafetensorsType.of(spec.dtype());
    if (name.equals(HeaderParser.METADATA_KEY)) {
      throw new FormatException("[safetensors] no tensor can be called '" + name + "'");
    }
  }

  /**
   * Writes one file.
   *
   * @param target created or replaced
   * @throws UncheckedIOException if that fails; an old file is left as it was
   * @throws FormatException if a source wrote more or fewer bytes than its tensor has; likewise
   */
  public void write(Path target) {
    List<Pending> all = laidOut(tensors.list());
    byte[] header = header(all);
    AtomicFile.write(target, sink -> writeTo(sink, header, all));
  }

  /**
   * Writes a folder as {@link SafetensorsFolder} reads it: {@code model.safetensors} if everything
   * fits, or else shards with an index. Nothing of the folder is touched until all bytes are safe
   * in temporary files. Then the index goes first and comes last, so that a crash in between leaves
   * a folder that does not open rather than a mixture of two models.
   *
   * @param folder an existing folder; other files in it stay, but an index or single file of an
   *     older model is removed
   * @param maxShardBytes the most bytes of tensors in one shard; a larger tensor has its own
   * @throws UncheckedIOException if that fails
   * @throws FormatException if a source wrote more or fewer bytes than its tensor has
   */
  public void writeFolder(Path folder, long maxShardBytes) {
    new ShardedWrite(folder, this::writeShard).run(tensors.list(), maxShardBytes);
  }

  private void writeShard(ByteSink sink, List<Pending> part) {
    List<Pending> all = laidOut(part);
    writeTo(sink, header(all), all);
  }

  private static void writeTo(ByteSink sink, byte[] header, List<Pending> all) {
    sink.write(header);
    all.forEach(t -> t.writeTo(sink));
  }

  private static List<Pending> laidOut(List<Pending> tensors) {
    List<Pending> sorted = new ArrayList<>(tensors);
    sorted.sort(
        Comparator.comparing((Pending t) -> SafetensorsType.of(t.spec().dtype()))
            .reversed()
            .thenComparing(Pending::name, JsonText.BY_CODE_POINT));
    return sorted;
  }

  private byte[] header(List<Pending> laidOut) {
    JsonText json = new JsonText("safetensors");
    json.raw("{");
    String separator = "";
    if (!metadata.isEmpty()) {
      json.string(HeaderParser.METADATA_KEY).raw(":{");
      for (Map.Entry<String, String> e : metadata.entrySet()) {
        json.raw(separator).string(e.getKey()).raw(":").string(e.getValue());
        separator = ",";
      }
      json.raw("}");
      separator = ",";
    }
    long offset = 0;
    for (Pending t : laidOut) {
      long end = Math.addExact(offset, t.spec().byteSize());
      json.raw(separator)
          .string(t.name())
          .raw(":{\"dtype\":\"" + SafetensorsType.of(t.spec().dtype()) + "\",\"shape\":")
          .raw(t.spec().shape().toString().replace(" ", ""))
          .raw(",\"data_offsets\":[" + offset + "," + end + "]}");
      offset = end;
      separator = ",";
    }
    byte[] text = json.raw("}").toBytes();
    if (text.length > MAX_HEADER_BYTES - HEADER_ALIGNMENT) {
      throw new FormatException("[safetensors] the header would exceed 100 MB; write shards");
    }
    return JsonText.withLength(text, HEADER_ALIGNMENT);
  }
}
