package dev.quern.core.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributeView;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Replaces a file as a whole or not at all.
 *
 * <p>The bytes go to a temporary file in the same folder, are forced to the disk, and the temporary
 * file is renamed over the old one. Whoever has the old file open or mapped keeps the old bytes. A
 * failed write leaves the old file as it was and removes the temporary one.
 *
 * {@snippet :
 * AtomicFile.write(path, sink -> sink.write(header));
 * }
 */
public final class AtomicFile implements AutoCloseable {
  // Heap segments pass through a direct buffer of their size that the thread keeps: small pieces.
  private static final int PIECE_BYTES = 1 << 22;

  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
  private boolean renamed;

  private AtomicFile(Path target, Path temporary, FileChannel channel) {
    this.target = target;
    this.temporary = temporary;
    this.channel = channel;
  }

  /** Writes a file's bytes. */
  @FunctionalInterface
  public interface Body {
    /**
     * Writes all of them; any exception leaves the old file in place.
     *
     * @param sink takes them
     */
    void writeTo(ByteSink sink);
  }

  /**
   * Writes a file.
   *
   * @param target created or replaced; a symbolic link is followed, its target is replaced
   * @param body writes the bytes
   * @throws UncheckedIOException if that fails; the old file is left as it was
   */
  public static void write(Path target, Body body) {
    try (AtomicFile file = begin(target)) {
      file.fill(body);
      file.commit();
    }
  }

  /**
   * Begins to write a file; for several files that are to be replaced together.
   *
   * @param target created or replaced by {@link #commit()}
   * @return the temporary file; closing it without {@link #commit()} removes it
   * @throws UncheckedIOException if none can be created in the folder of {@code target}
   */
  public static AtomicFile begin(Path target) {
    try {
      Path real = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath();
      if (Files.isDirectory(real)) {
        throw new IOException("is a folder");
      }
      Path folder = real.getParent();
      if (folder != null && !Files.isDirectory(folder)) {
        throw new IOException(
            Files.exists(folder) ? folder + " is not a folder" : "there is no folder " + folder);
      }
      String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
      Path temporary = real.resolveSibling("." + real.getFileName() + "." + random + ".tmp");
      FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      return new AtomicFile(real, temporary, channel);
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /**
   * Writes the temporary file and forces it to the disk.
   *
   * @param body writes the bytes
   * @throws UncheckedIOException if that fails
   */
  public void fill(Body body) {
    body.writeTo(new ChannelSink());
    try {
      channel.force(true);
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /**
   * Puts the temporary file in the place of the old one.
   *
   * @throws UncheckedIOException if that fails
   */
  public void commit() {
    try {
      keepPermissions();
      channel.close();
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      renamed = true;
    } catch (IOException e) {
      throw failed(target, e);
    }
    forceFolder(target);
  }

  private void keepPermissions() throws IOException {
    PosixFileAttributeView now =
        Files.getFileAttributeView(temporary, PosixFileAttributeView.class);
    if (now != null && Files.exists(target)) {
      now.setPermissions(Files.getPosixFilePermissions(target));
    }
  }

  /** Makes the rename survive a loss of power where the system lets a folder be forced. */
  private static void forceFolder(Path file) {
    Path folder = file.getParent();
    if (folder == null) {
      return;
    }
    try (FileChannel c = FileChannel.open(folder, StandardOpenOption.READ)) {
      c.force(true);
    } catch (IOException e) {
      System.getLogger("dev.quern.io")
          .log(System.Logger.Level.DEBUG, "the folder {0} cannot be forced to disk", folder);
    }
  }

  /** Removes the temporary file unless it was put in place. */
  @Override
  public void close() {
    if (renamed) {
      return;
    }
    try {
      channel.close();
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      throw failed(temporary, e);
    }
  }

  private static UncheckedIOException failed(Path path, IOException e) {
    String why =
        e instanceof AccessDeniedException
            ? "no permission to write in its folder"
            : String.valueOf(e.getMessage());
    return new UncheckedIOException("cannot write " + path + ": " + why, e);
  }

  private final class ChannelSink implements ByteSink {
    private long position;

    @Override
    public void write(MemorySegment bytes) {
      try {
        for (long from = 0; from < bytes.byteSize(); from += PIECE_BYTES) {
          long size = Math.min(PIECE_BYTES, bytes.byteSize() - from);
          ByteBuffer piece = piece(bytes.asSlice(from, size));
          while (piece.hasRemaining()) {
            position += channel.write(piece);
          }
        }
      } catch (IOException e) {
        throw failed(target, e);
      }
    }

    /** The bytes as a buffer, which arrays of other types than byte cannot be directly. */
    private static ByteBuffer piece(MemorySegment bytes) {
      return bytes.isNative()
          ? bytes.asByteBuffer()
          : ByteBuffer.wrap(bytes.toArray(ValueLayout.JAVA_BYTE));
    }

    @Override
    public long position() {
      return position;
    }
  }
}
