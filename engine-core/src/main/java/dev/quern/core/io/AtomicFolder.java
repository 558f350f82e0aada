package dev.quern.core.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Replaces a folder as a whole or not at all, whenever the process is killed or the power fails.
 *
 * <p>The files go to a temporary folder beside it, are forced to the disk, and the folder is
 * renamed. A folder cannot be renamed over another one, so an old one steps aside first, and is
 * removed last. What a killed process leaves has a name of its own, {@code .NAME.0123456789abcdef}
 * with {@code .tmp} or {@code .old}: {@link #recover} removes the new one, or puts the old one back
 * where the new one never came.
 *
 * {@snippet :
 * AtomicFolder.write(target, folder -> Files.writeString(folder.resolve("a.txt"), "a"));
 * }
 */
public final class AtomicFolder {
  private static final String NEW = ".tmp";
  private static final String OLD = ".old";
  private static final Pattern LEFT = Pattern.compile("\\.(.+)\\.[0-9a-f]{16}(\\.tmp|\\.old)");

  private AtomicFolder() {}

  /** Writes a folder's files. */
  @FunctionalInterface
  public interface Body {
    /**
     * Writes all of them; any exception leaves the old folder in place.
     *
     * @param folder exists and is empty
     * @throws IOException if that fails
     */
    void writeTo(Path folder) throws IOException;
  }

  /**
   * Writes a folder.
   *
   * @param target created or replaced, with all that is in it; its parent exists
   * @param body writes the files
   * @throws UncheckedIOException if that fails; the old folder is left as it was
   */
  public static void write(Path target, Body body) {
    try {
      Path temporary = beside(target, NEW);
      try {
        Files.createDirectory(temporary);
        body.writeTo(temporary);
        forceAll(temporary);
        exchange(temporary, target);
      } finally {
        removeAll(temporary);
      }
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  private static void exchange(Path temporary, Path target) throws IOException {
    Path old = beside(target, OLD);
    boolean replaces = Files.exists(target, LinkOption.NOFOLLOW_LINKS);
    if (replaces) {
      Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
    }
    try {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (replaces) {
        Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
      }
      throw e;
    }
    force(parent(target));
    removeAll(old);
  }

  /**
   * Removes a folder with all that is in it, or a file; of a link, the link. Under its own name it
   * is whole or not there.
   *
   * @param path need not be there
   * @throws UncheckedIOException if that fails
   */
  public static void delete(Path path) {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      Path gone = beside(path, NEW);
      Files.move(path, gone, StandardCopyOption.ATOMIC_MOVE);
      removeAll(gone);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot remove " + path + ": " + reason(e), e);
    }
  }

  /**
   * Tidies up after processes that were killed. For who alone writes to a folder: what another
   * process is writing now looks the same.
   *
   * @param parent of the folders that were written
   * @param names which of them, by name; what belongs to others stays
   * @throws UncheckedIOException if that fails
   */
  public static void recover(Path parent, Predicate<String> names) {
    try {
      for (Path p : list(parent)) {
        Matcher m = LEFT.matcher(p.getFileName().toString());
        if (m.matches() && names.test(m.group(1))) {
          Path target = parent.resolve(m.group(1));
          boolean lost = m.group(2).equals(OLD) && !Files.exists(target, LinkOption.NOFOLLOW_LINKS);
          if (lost) {
            Files.move(p, target, StandardCopyOption.ATOMIC_MOVE);
          } else {
            removeAll(p);
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot tidy up in " + parent + ": " + reason(e), e);
    }
  }

  private static Path beside(Path target, String suffix) {
    String random = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
    return target.resolveSibling("." + target.getFileName() + "." + random + suffix);
  }

  private static Path parent(Path path) throws IOException {
    Path parent = path.toAbsolutePath().getParent();
    if (parent == null) {
      throw new IOException("it is the root of a file system");
    }
    return parent;
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private static void removeAll(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      for (Path p : list(path)) {
        removeAll(p);
      }
    }
    Files.delete(path);
  }

  private static void forceAll(Path folder) throws IOException {
    for (Path p : list(folder)) {
      if (Files.isDirectory(p, LinkOption.NOFOLLOW_LINKS)) {
        forceAll(p);
      } else if (Files.isRegularFile(p, LinkOption.NOFOLLOW_LINKS)) {
        try (FileChannel file = FileChannel.open(p, StandardOpenOption.WRITE)) {
          file.force(true);
        } catch (AccessDeniedException e) {
          force(p); // a copy of a file that is read-only
        }
      }
    }
    force(folder);
  }

  /** Makes a rename survive a loss of power where the system lets a folder be forced. */
  private static void force(Path folder) {
    try (FileChannel c = FileChannel.open(folder, StandardOpenOption.READ)) {
      c.force(true);
    } catch (IOException e) {
      System.getLogger("dev.quern.io")
          .log(System.Logger.Level.DEBUG, "{0} cannot be forced to disk", folder);
    }
  }

  private static String reason(IOException e) {
    return e instanceof AccessDeniedException
        ? "no permission to write there"
        : String.valueOf(e.getMessage());
  }

  private static UncheckedIOException failed(Path target, IOException e) {
    return new UncheckedIOException("cannot write " + target + ": " + reason(e), e);
  }
}
