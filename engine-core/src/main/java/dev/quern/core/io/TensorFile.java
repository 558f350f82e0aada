package dev.quern.core.io;

import dev.quern.core.memory.PageMover;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * An open file, or folder of files, with named tensors. Opening it reads headers only; the bytes of
 * a tensor are mapped memory and arrive when they are touched.
 *
 * <p>May be used by several threads. Storages end when it is closed.
 */
public interface TensorFile extends AutoCloseable {

  /**
   * What was opened.
   *
   * @return as it was given
   */
  Path path();

  /**
   * All tensors, those of unsupported element types too.
   *
   * @return name → description, immutable, in the order of the file
   */
  Map<String, TensorInfo> tensors();

  /**
   * The bytes of a tensor; asking twice gives the same storage.
   *
   * @param name one of {@link #names()}
   * @return read-only memory, valid until this file is closed, aligned to the element size (GGUF:
   *     to 32 bytes by default); mapped, unless the file itself has it unaligned: then a copy
   * @throws FormatException if there is no such tensor
   * @throws NotSupportedException if Quern has no such element type
   * @throws ScopeClosedException if this file was closed
   */
  Storage storage(String name);

  /**
   * Compares the present length of the file with that at opening. Reading mapped pages beyond the
   * end of a file that was cut short can kill the process, so this is asked before long native
   * reads.
   *
   * @throws FormatException if the file is shorter than it was
   */
  void checkLength();

  /**
   * Copies what is mapped into larger pages, which take its place; see {@link
   * dev.quern.core.memory.MappedFile#moveTo}.
   *
   * @param mover how
   * @return how many bytes were moved
   * @throws FormatException if the file was cut short
   * @throws ScopeClosedException if closed, meanwhile too
   */
  long moveTo(PageMover mover);

  /**
   * Unmaps the file.
   *
   * @throws ScopeClosedException if it was closed before, or while a kernel reads from it
   */
  @Override
  void close();

  /**
   * The names of all tensors.
   *
   * @return immutable, in the order of the file
   */
  default Set<String> names() {
    return tensors().keySet();
  }

  /**
   * Whether there is a tensor of a name.
   *
   * @param name any name
   * @return true if there is
   */
  default boolean contains(String name) {
    return tensors().containsKey(name);
  }

  /**
   * What the header says of a tensor.
   *
   * @param name one of {@link #names()}
   * @return its description
   * @throws FormatException if there is no such tensor
   */
  default TensorInfo info(String name) {
    TensorInfo info = tensors().get(name);
    if (info == null) {
      throw new FormatException(
          path() + ": there is no tensor '" + name + "' among the " + tensors().size() + " in it");
    }
    return info;
  }

  /**
   * Element type and shape of a tensor.
   *
   * @param name one of {@link #names()}
   * @return its spec
   * @throws FormatException if there is no such tensor
   * @throws NotSupportedException if Quern has no such element type
   */
  default TensorSpec spec(String name) {
    return info(name).spec();
  }
}
