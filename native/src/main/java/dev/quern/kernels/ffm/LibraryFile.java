package dev.quern.kernels.ffm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Puts the packaged library where the system's loader can open it.
 *
 * <p>A loaded library runs with all of this process's rights, so nobody else may be able to choose
 * its contents: the folder belongs to this user and is closed to others, links are refused, the
 * file is named by the hash of its contents, appears by an atomic rename, and a file that is
 * already there is used only if its contents are the expected ones.
 */
final class LibraryFile {
  /** The system property that names a folder to unpack to, instead of the usual ones. */
  static final String PROPERTY = "quern.native.dir";

  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");

  /** This process on Linux; its owner is this user. */
  private static final Path PROCESS = Path.of("/proc/self");

  private LibraryFile() {}

  /** Folders to try, in this order: the property alone, or the temporary folder and the cache. */
  static List<Path> candidates() {
    String chosen = System.getProperty(PROPERTY);
    if (chosen != null && !chosen.isBlank()) {
      return List.of(Path.of(chosen));
    }
    List<Path> folders = new ArrayList<>();
    String user = System.getProperty("user.name", "user").replaceAll("[^A-Za-z0-9_.-]", "_");
    folders.add(Path.of(System.getProperty("java.io.tmpdir", "/tmp"), "quern-" + user));
    String cache = System.getenv("XDG_CACHE_HOME");
    String home = System.getProperty("user.home", "");
    if (cache != null && Path.of(cache).isAbsolute()) {
      folders.add(Path.of(cache, "quern"));
    } else if (!home.isBlank()) {
      folders.add(Path.of(home, ".cache", "quern"));
    }
    return folders;
  }

  /**
   * The library's file in a folder, written if it isn't there.
   *
   * @param folder made if missing (its parents too)
   * @param name the file's name; the hash goes before the extension
   * @param contents the library
   * @return the file
   * @throws IOException if the folder isn't safe or can't be written
   */
  static Path unpack(Path folder, String name, byte[] contents) throws IOException {
    makePrivate(folder);
    int dot = name.lastIndexOf('.');
    Path file = folder.resolve(name.substring(0, dot) + "-" + hash(contents) + name.substring(dot));
    if (!matches(file, contents)) {
      Path temporary = Files.createTempFile(folder, name, ".tmp");
      try {
        try (FileChannel out = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
          ByteBuffer bytes = ByteBuffer.wrap(contents);
          while (bytes.hasRemaining()) {
            out.write(bytes);
          }
          out.force(true);
        }
        if (isPosix(folder)) {
          Files.setPosixFilePermissions(temporary, PRIVATE);
        }
        Files.move(
            temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
      if (!matches(file, contents)) {
        throw new IOException(file + " changed while it was written");
      }
    }
    return file;
  }

  private static void makePrivate(Path folder) throws IOException {
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      Path parent = folder.toAbsolutePath().getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      try {
        if (isPosix(parent == null ? folder : parent)) {
          Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(PRIVATE));
        } else {
          Files.createDirectory(folder);
        }
      } catch (FileAlreadyExistsException e) {
        check(folder, e);
      }
    }
    check(folder, null);
  }

  private static void check(Path folder, @Nullable Exception cause) throws IOException {
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(folder + " is not a folder (or is a link)", cause);
    }
    if (!isPosix(folder)) {
      return;
    }
    PosixFileAttributes a =
        Files.readAttributes(folder, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    EnumSet<PosixFilePermission> others = EnumSet.copyOf(a.permissions());
    others.removeAll(PRIVATE);
    if (!others.isEmpty()) {
      throw new IOException(
          folder
              + " is open to others ("
              + PosixFilePermissions.toString(a.permissions())
              + "); chmod 700 it",
          cause);
    }
    if (!isThisUser(a.owner(), folder)) {
      throw new IOException(folder + " belongs to " + a.owner().getName(), cause);
    }
  }

  /**
   * Whether an owner is this process's user. Linux says so; otherwise whoever owns a file made just
   * now is this user, whatever the system calls them.
   */
  private static boolean isThisUser(UserPrincipal owner, Path folder) throws IOException {
    if (Files.isDirectory(PROCESS) && Files.getOwner(PROCESS).equals(owner)) {
      return true;
    }
    Path probe = Files.createTempFile(folder, "owner", ".tmp");
    try {
      return Files.getOwner(probe).equals(owner);
    } finally {
      Files.delete(probe);
    }
  }

  private static boolean matches(Path file, byte[] contents) throws IOException {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && Files.size(file) == contents.length
        && Arrays.equals(Files.readAllBytes(file), contents);
  }

  private static boolean isPosix(Path path) throws IOException {
    return Files.getFileStore(path).supportsFileAttributeView("posix");
  }

  /**
   * Two CRCs in hexadecimal, which tell versions apart. They need not withstand forgery, because
   * contents are compared; a cryptographic hash would have each start set up security providers.
   */
  static String hash(byte[] contents) {
    CRC32 crc = new CRC32();
    crc.update(contents);
    CRC32C castagnoli = new CRC32C();
    castagnoli.update(contents);
    return HexFormat.of().toHexDigits(crc.getValue() << 32 | castagnoli.getValue());
  }
}
