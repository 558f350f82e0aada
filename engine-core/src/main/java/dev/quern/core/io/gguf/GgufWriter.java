package dev.quern.core.io.gguf;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorSource;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.PendingTensors;
import dev.quern.core.io.internal.PendingTensors.Pending;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ShapeException;
import dev.quern.core.type.TensorSpec;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes a GGUF file, version 3, little-endian: first say what is in it, then {@link #write}.
 *
 * <p>Pairs and tensors are written in the order in which they were added; tensors given as a {@link
 * TensorSource} produce their bytes only when their turn has come. The file is replaced atomically.
 *
 * {@snippet :
 * new GgufWriter()
 *     .put("general.architecture", GgufValue.of("llama"))
 *     .put("llama.block_count", GgufValue.uint32(2))
 *     .tensor("token_embd.weight", TensorSpec.of(ScalarType.F32, 512, 64), bytes)
 *     .write(Path.of("model.gguf"));
 * }
 */
public final class GgufWriter {
  private static final int MAGIC = 0x46554747;
  private static final int VERSION = 3;
  private static final int MAX_RANK = 4;
  private static final int MAX_KEY_BYTES = 65535;
  // ggml keeps names in 64 bytes with a terminator.
  private static final int MAX_NAME_BYTES = 63;

  private final Map<String, GgufValue> pairs = new LinkedHashMap<>();
  private final PendingTensors tensors = new PendingTensors("gguf");
  private int alignment = GgufFile.DEFAULT_ALIGNMENT;

  /** A file without anything. */
  public GgufWriter() {}

  /**
   * Adds a pair, or replaces the value of a key.
   *
   * @param key not empty, at most 65,535 bytes; by convention lower_snake_case parts with dots
   * @param value its value; {@code general.alignment} must be a UINT32 and is obeyed
   * @return this writer
   * @throws FormatException if the key cannot be written or the alignment is wrong
   */
  public GgufWriter put(String key, GgufValue value) {
    checkText("metadata key", key, MAX_KEY_BYTES);
    if (key.equals(HeaderParser.ALIGNMENT_KEY)) {
      alignment = HeaderParser.checkAlignment(new Blame("gguf", "new file"), value);
    }
    pairs.put(key, value);
    return this;
  }

  /**
   * Adds all pairs of another file.
   *
   * @param metadata pairs; the other file must stay open until {@link #write} has returned
   * @return this writer
   */
  public GgufWriter putAll(GgufMetadata metadata) {
    metadata.asMap().forEach(this::put);
    return this;
  }

  /**
   * Adds a tensor that is in memory.
   *
   * @param name unique, at most 63 bytes
   * @param spec dtype and shape, of rank 4 at most and without empty axes
   * @param bytes all elements, row-major, little-endian; valid until {@link #write} has returned
   * @return this writer
   * @throws FormatException if name or size are wrong
   * @throws ShapeException if the shape cannot be written
   * @throws NotSupportedException if GGUF has no such element type (U8, BOOL)
   */
  public GgufWriter tensor(String name, TensorSpec spec, MemorySegment bytes) {
    check(name, spec);
    tensors.add(name, spec, bytes);
    return this;
  }

  /**
   * Adds a tensor whose bytes come later.
   *
   * @param name unique, at most 63 bytes
   * @param spec dtype and shape, of rank 4 at most and without empty axes
   * @param source asked during {@link #write}, once
   * @return this writer
   * @throws FormatException if the name is wrong
   * @throws ShapeException if the shape cannot be written
   * @throws NotSupportedException if GGUF has no such element type (U8, BOOL)
   */
  public GgufWriter tensor(String name, TensorSpec spec, TensorSource source) {
    check(name, spec);
    tensors.add(name, spec, source);
    return this;
  }

  private static void check(String name, TensorSpec spec) {
    checkText("tensor name", name, MAX_NAME_BYTES);
    GgmlType.of(spec.dtype());
    if (spec.shape().rank() > MAX_RANK || spec.shape().elements() == 0) {
      throw new ShapeException(
          "[gguf] tensor "
              + Blame.quote(name)
              + " "
              + spec
              + " cannot be written: the format has at most 4 axes and none that is empty");
    }
  }

  private static void checkText(String what, String text, int limitBytes) {
    if (text.isEmpty() || text.indexOf('\0') >= 0 || GgufEncoder.utf8(text).length > limitBytes) {
      throw new FormatException(
          "[gguf] "
              + what
              + " "
              + Blame.quote(text)
              + " cannot be written: it must have 1 to "
              + limitBytes
              + " bytes of UTF-8, none of them NUL");
    }
  }

  /**
   * Writes the file.
   *
   * @param target created or replaced
   * @throws UncheckedIOException if that fails; an old file is left as it was
   * @throws FormatException if a source wrote more or fewer bytes than its tensor has; likewise
   */
  public void write(Path target) {
    byte[] header = header();
    AtomicFile.write(target, sink -> writeTo(sink, header));
  }

  private void writeTo(ByteSink sink, byte[] header) {
    sink.write(header);
    for (Pending t : tensors.list()) {
      sink.padTo(alignment);
      t.writeTo(sink);
    }
    sink.padTo(alignment);
  }

  private byte[] header() {
    GgufEncoder out = new GgufEncoder();
    out.int32(MAGIC);
    out.int32(VERSION);
    out.int64(tensors.list().size());
    out.int64(pairs.size());
    pairs.forEach(
        (key, value) -> {
          out.string(key);
          out.int32(value.type().id());
          out.value(value);
        });
    long offset = 0;
    for (Pending t : tensors.list()) {
      out.string(t.name());
      int rank = t.spec().shape().rank();
      out.int32(rank);
      for (int axis = rank - 1; axis >= 0; axis--) {
        out.int64(t.spec().shape().dim(axis));
      }
      out.int32(GgmlType.of(t.spec().dtype()).id());
      out.int64(offset);
      long end = Math.addExact(offset, t.spec().byteSize());
      offset = Math.addExact(end, (alignment - end % alignment) % alignment);
    }
    return out.toBytes();
  }
}
