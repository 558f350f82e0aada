package dev.quern.core.memory;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
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
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Puts what a jar holds where the system can load or map it: a folder of this user alone.
 *
 * <p>What is unpacked is trusted as the jar is (a library runs with all of this process's rights),
 * so nobody else may be able to choose its contents: the folder belongs to this user and is closed
 * to others, links are refused, a file is named by the hash of its contents, appears by an atomic
 * rename, and one that is already there is used only if its contents are the expected ones. Several
 * processes may start at the same time: each either finds the whole file or writes it.
 *
 * {@snippet :
 * Path library = PrivateFolder.put(folder, "libquern.so", FileContents.of(bytes));
 * }
 */
public final class PrivateFolder {
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");

  /** This process on Linux; its owner is this user. */
  private static final Path PROCESS = Path.of("/proc/self");

  private PrivateFolder() {}

  /**
   * The user's folder among temporary files, which a restart of the machine may empty.
   *
   * @return it need not exist
   */
  public static Path temporary() {
    String user = System.getProperty("user.name", "user").replaceAll("[^A-Za-z0-9_.-]", "_");
    return Path.of(System.getProperty("java.io.tmpdir", "/tmp"), "quern-" + user);
  }

  /**
   * The folder in the user's cache: {@code $XDG_CACHE_HOME/quern}, else {@code ~/.cache/quern}.
   *
   * @return it need not exist; none if the user has no home
   */
  public static List<Path> cache() {
    List<Path> folders = new ArrayList<>();
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
   * The file with some contents in a folder, written if it isn't there.
   *
   * @param folder made if missing (its parents too)
   * @param name the file's name; the hash goes before the extension
   * @param contents what it shall hold
   * @return the file
   * @throws IOException if the folder isn't safe or can't be written
   */
  public static Path put(Path folder, String name, FileContents contents) throws IOException {
    makePrivate(folder);
    int dot = name.lastIndexOf('.');
    Path file =
        folder.resolve(name.substring(0, dot) + "-" + contents.hash() + name.substring(dot));
    if (!isIn(file, contents)) {
      Path temporary = Files.createTempFile(folder, name, ".tmp");
      try {
        write(temporary, contents);
        if (isPosix(folder)) {
          Files.setPosixFilePermissions(temporary, PRIVATE);
        }
        Files.move(
            temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(temporary);
      }
      if (!isIn(file, contents)) {
        throw new IOException(file + " changed while it was written");
      }
    }
    return file;
  }

  private static void write(Path file, FileContents contents) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        OutputStream out = Channels.newOutputStream(channel)) {
      contents.writeTo(out);
      out.flush();
      channel.force(true);
    }
  }

  private static boolean isIn(Path file, FileContents contents) throws IOException {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && contents.isIn(file);
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

  private static boolean isPosix(Path path) throws IOException {
    return Files.getFileStore(path).supportsFileAttributeView("posix");
  }
}
