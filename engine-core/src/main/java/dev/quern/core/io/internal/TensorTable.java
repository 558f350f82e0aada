package dev.quern.core.io.internal;

import dev.quern.core.io.TensorInfo;
import dev.quern.core.memory.MappedFile;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.DType;
import dev.quern.core.type.FormatException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The tensors of one mapped file: their storages, and the check that their bytes are apart. */
public final class TensorTable {
  private static final int ALIGNMENT = 64;

  private final Blame blame;
  private final MappedFile file;
  private final Map<String, TensorInfo> infos;
  private final Map<String, Storage> storages = new ConcurrentHashMap<>();

  /**
   * A table over a checked header.
   *
   * @param blame names the file in errors
   * @param file the mapping
   * @param infos name → description; ranges were checked
   */
  public TensorTable(Blame blame, MappedFile file, Map<String, TensorInfo> infos) {
    this.blame = blame;
    this.file = file;
    this.infos = infos;
  }

  /**
   * Reads a header from a mapped file.
   *
   * @param <T> what is opened
   */
  @FunctionalInterface
  public interface HeaderReader<T> {
    /**
     * Reads and checks.
     *
     * @param file the mapping, closed by the caller if this throws
     * @return what was opened
     */
    T read(MappedFile file);
  }

  /**
   * Maps a regular file and reads its header; nothing stays open if that fails.
   *
   * @param blame names the file in errors
   * @param path the file
   * @param header reads and checks the header
   * @param <T> what is opened
   * @return what {@code header} returns
   * @throws FormatException if it is no regular file or the header is wrong
   * @throws UncheckedIOException if it can't be read
   */
  public static <T> T open(Blame blame, Path path, HeaderReader<T> header) {
    checkRegular(blame, path);
    MappedFile file = MappedFile.open(path);
    boolean done = false;
    try {
      T opened = header.read(file);
      done = true;
      return opened;
    } catch (InternalError e) {
      // The JVM's answer to a page that has no file behind it.
      throw blame.whole("the file became shorter while its header was read", e);
    } finally {
      if (!done) {
        file.close();
      }
    }
  }

  /**
   * Refuses folders, which cannot be mapped, and pipes, which would wait for a writer.
   *
   * @param blame names the file in errors
   * @param path a path; one where there is nothing passes
   * @throws FormatException if it is something else than a regular file
   */
  public static void checkRegular(Blame blame, Path path) {
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw blame.whole("is not a regular file; give the path of a file");
    }
  }

  /**
   * The storage of a tensor, always the same one. Mapped, unless its bytes are not aligned to its
   * element size: then a copy, since not all kernels read elements across such boundaries.
   *
   * @param name a tensor's name
   * @return its bytes
   */
  public Storage storage(String name) {
    Storage known = storages.get(name);
    return known != null ? known : storages.computeIfAbsent(name, this::map);
  }

  private Storage map(String name) {
    TensorInfo info = infos.get(name);
    if (info == null) {
      throw blame.whole(
          "there is no tensor " + Blame.quote(name) + " among the " + infos.size() + " in it");
    }
    if (info.knownDType() == null) {
      throw blame.unsupported(
          "tensor "
              + Blame.quote(name)
              + " "
              + info.shape()
              + " has the element type "
              + info.typeName()
              + ", which is not supported; convert the file to another type");
    }
    Storage mapped = file.storage(info.offsetBytes(), info.spec());
    DType dtype = info.dtype();
    boolean aligned = dtype.isBlock() || info.offsetBytes() % dtype.blockBytes() == 0;
    return aligned ? mapped : aligned(mapped);
  }

  /** A copy that kernels may read element by element; it ends with the file too. */
  private static Storage aligned(Storage mapped) {
    MemorySegment copy = Arena.ofAuto().allocate(mapped.spec().byteSize(), ALIGNMENT);
    copy.copyFrom(mapped.segment());
    return new Storage(
        copy.asReadOnly(), mapped.spec(), mapped.device(), mapped.lifetime(), mapped.isMutable());
  }

  /**
   * Refuses tensors that share bytes. Tensors of unknown size count as a single byte.
   *
   * @param blame names the file in errors
   * @param infos all tensors of a file
   * @throws FormatException if two overlap; names both
   */
  public static void checkApart(Blame blame, Collection<TensorInfo> infos) {
    List<TensorInfo> sorted = new ArrayList<>(infos);
    sorted.sort(Comparator.comparingLong(TensorInfo::offsetBytes));
    TensorInfo last = null;
    long end = 0;
    for (TensorInfo t : sorted) {
      if (t.byteSize() == 0) {
        continue;
      }
      if (last != null && t.offsetBytes() < end) {
        throw blame.at(
            t.offsetBytes(),
            "data of tensor " + Blame.quote(t.name()),
            "overlaps the data of tensor "
                + Blame.quote(last.name())
                + ", which ends at offset "
                + end);
      }
      last = t;
      end = t.offsetBytes() + Math.max(1, t.byteSize());
    }
  }
}
