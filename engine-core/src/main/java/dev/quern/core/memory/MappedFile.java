package dev.quern.core.memory;

import dev.quern.core.type.Device;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A file mapped read-only into memory: opening reads nothing, pages arrive when they are touched.
 *
 * <p>It owns one shared arena. Storages over it end with it.
 */
public final class MappedFile implements AutoCloseable {
  /**
   * Whole large pages; few, because a part is in memory twice while it moves, and a close waits.
   */
  private static final long MOVED_BYTES = 8L << 20;

  /**
   * The most parts of a file. Each that was moved stays a mapping of its own, of which Linux gives
   * a process 65,530, for its threads' stacks and its heap too.
   */
  private static final long MOST_PARTS = 8 << 10;

  private final Path path;
  private final Resources resources;
  private final MemorySegment bytes;
  private final Lifetime lifetime;
  private final List<Storage> storages = Collections.synchronizedList(new ArrayList<>());
  private final LeakReport leak;

  /** A channel's length cannot be asked for by an interrupted thread without closing it. */
  private record Resources(Arena arena, RandomAccessFile file) {
    void free() {
      arena.close();
      try {
        file.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private MappedFile(Path path, Resources resources, MemorySegment bytes) {
    this.path = path;
    this.resources = resources;
    this.bytes = bytes;
    this.lifetime = new Lifetime("mapped file '" + path.getFileName() + "'");
    this.leak = LeakReport.watch(this, lifetime, storages, resources::free);
  }

  /**
   * Maps a whole file.
   *
   * @param path a regular file
   * @return the mapping, to be closed
   * @throws UncheckedIOException if it can't be opened or mapped
   */
  public static MappedFile open(Path path) {
    Arena arena = Arena.ofShared();
    RandomAccessFile file = null;
    try {
      file = new RandomAccessFile(path.toFile(), "r");
      MemorySegment bytes = file.getChannel().map(MapMode.READ_ONLY, 0, file.length(), arena);
      return new MappedFile(path, new Resources(arena, file), bytes);
    } catch (IOException e) {
      arena.close();
      if (file != null) {
        try {
          file.close();
        } catch (IOException suppressed) {
          e.addSuppressed(suppressed);
        }
      }
      throw new UncheckedIOException("cannot open " + path + ": " + e.getMessage(), e);
    }
  }

  /**
   * The file.
   *
   * @return as it was given
   */
  public Path path() {
    return path;
  }

  /**
   * All bytes of the file.
   *
   * @return a read-only segment
   * @throws ScopeClosedException if closed
   */
  public MemorySegment bytes() {
    if (!lifetime.isOpen()) {
      throw new ScopeClosedException(lifetime.owner() + " was used after it was closed");
    }
    return bytes;
  }

  /**
   * A tensor's bytes as a storage that ends with this file.
   *
   * @param offsetBytes where they begin; the caller has checked the range
   * @param spec dtype and shape
   * @return a read-only storage
   */
  public Storage storage(long offsetBytes, TensorSpec spec) {
    Storage s =
        new Storage(
            bytes().asSlice(offsetBytes, spec.byteSize()), spec, Device.CPU, lifetime, false);
    storages.add(s);
    return s;
  }

  /**
   * Compares the file's present length with the mapped one. Reading mapped pages beyond the end of
   * a file that was cut short kills the process, so this is asked before long native reads.
   *
   * @throws FormatException if the file is shorter than it was
   * @throws ScopeClosedException if closed
   */
  public void checkLength() {
    long mapped = bytes().byteSize();
    try {
      long now = resources.file.length();
      if (now < mapped) {
        throw new FormatException(
            path
                + ": the file shrank from "
                + mapped
                + " to "
                + now
                + " bytes while it was in use; restore it and open it again");
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the length of " + path, e);
    }
  }

  /**
   * Copies the file's bytes into larger pages, which take the place of the mapped ones: addresses
   * stay, storages stay, and operations may read meanwhile. From then on these bytes are the
   * process's own memory, which the system can't drop and read again. What is no whole large page,
   * at the file's beginning and its end, stays the file's: it must not be cut short while it is
   * open.
   *
   * @param mover moves {@value #MOVED_BYTES} bytes at a time, of huge files more: whole large pages
   *     of them
   * @return how many bytes the mover took; fewer than the file has if the system would not go on
   * @throws FormatException if the file was cut short
   * @throws ScopeClosedException if closed, meanwhile too
   */
  public long moveTo(PageMover mover) {
    long moved = 0;
    long most = partBytes(bytes.byteSize());
    while (moved < bytes.byteSize()) {
      long intoPart = (bytes.address() + moved) % most; // parts end where large pages do
      long part = Math.min(most - intoPart, bytes.byteSize() - moved);
      lifetime.acquire(TensorSpec.of(ScalarType.I8, part));
      try {
        checkLength();
        if (!mover.move(bytes.asSlice(moved, part))) {
          return moved;
        }
      } finally {
        lifetime.release();
      }
      moved += part;
    }
    return moved;
  }

  /** Bytes that are moved together, of a file of this size. */
  static long partBytes(long fileBytes) {
    return MOVED_BYTES * Math.max(1, Math.ceilDiv(fileBytes, MOVED_BYTES * MOST_PARTS));
  }

  /**
   * Unmaps the file. If an operation of another thread is reading from it, the file is unmapped
   * when that has ended.
   *
   * @throws ScopeClosedException if closed twice, or while something other than an operation, such
   *     as a write to another file, reads its bytes; after that it may be closed again
   */
  @Override
  public void close() {
    if (!lifetime.close(this::free)) {
      if (lifetime.isInUse() || !resources.arena().scope().isAlive()) {
        throw new ScopeClosedException(lifetime.owner() + " was closed twice; close it once");
      }
      free();
    }
  }

  private void free() {
    try {
      resources.free();
    } catch (IllegalStateException e) {
      throw new ScopeClosedException(
          lifetime.owner()
              + " is being read by something other than an operation; wait for it, then close"
              + " again",
          e);
    }
    leak.done();
  }
}
