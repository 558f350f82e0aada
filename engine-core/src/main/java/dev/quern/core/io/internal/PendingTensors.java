package dev.quern.core.io.internal;

import dev.quern.core.io.ByteSink;
import dev.quern.core.io.TensorSource;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The tensors that a writer was given, in their order. */
public final class PendingTensors {
  private final String format;
  private final List<Pending> tensors = new ArrayList<>();
  private final Set<String> names = new HashSet<>();

  /**
   * A tensor to be written.
   *
   * @param name unique
   * @param spec dtype and shape
   * @param source gives its bytes
   */
  public record Pending(String name, TensorSpec spec, TensorSource source) {

    /**
     * Lets the source write, and holds it to its size.
     *
     * @param sink takes the bytes
     * @throws FormatException if the source writes more or fewer bytes than dtype and shape say
     */
    public void writeTo(ByteSink sink) {
      long from = sink.position();
      source.writeTo(sink);
      long written = sink.position() - from;
      if (written != spec.byteSize()) {
        throw new FormatException(
            "tensor '"
                + name
                + "' "
                + spec
                + " has "
                + spec.byteSize()
                + " bytes, but its source wrote "
                + written);
      }
    }
  }

  /**
   * No tensors.
   *
   * @param format named in errors
   */
  public PendingTensors(String format) {
    this.format = format;
  }

  /**
   * Adds a tensor.
   *
   * @param name unique
   * @param spec dtype and shape
   * @param source gives its bytes
   * @throws FormatException if the name was used before
   */
  public void add(String name, TensorSpec spec, TensorSource source) {
    if (!names.add(name)) {
      throw new FormatException(
          "[" + format + "] tensor " + Blame.quote(name) + " was added twice");
    }
    tensors.add(new Pending(name, spec, source));
  }

  /**
   * Adds a tensor that is in memory.
   *
   * @param name unique
   * @param spec dtype and shape
   * @param bytes exactly as many as {@code spec} says
   * @throws FormatException if the name was used before or the size differs
   */
  public void add(String name, TensorSpec spec, MemorySegment bytes) {
    if (bytes.byteSize() != spec.byteSize()) {
      throw new FormatException(
          "["
              + format
              + "] tensor "
              + Blame.quote(name)
              + " "
              + spec
              + " has "
              + spec.byteSize()
              + " bytes, but "
              + bytes.byteSize()
              + " were given");
    }
    add(name, spec, TensorSource.of(bytes));
  }

  /**
   * All of them.
   *
   * @return unmodifiable, in the order in which they were added
   */
  public List<Pending> list() {
    return Collections.unmodifiableList(tensors);
  }
}
