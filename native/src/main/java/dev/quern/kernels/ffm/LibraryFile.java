package dev.quern.kernels.ffm;

import dev.quern.core.memory.FileContents;
import dev.quern.core.memory.PrivateFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Puts the packaged library where the system's loader can open it: a {@link PrivateFolder}. */
final class LibraryFile {
  /** The system property that names a folder to unpack to, instead of the usual ones. */
  static final String PROPERTY = "quern.native.dir";

  private LibraryFile() {}

  /** Folders to try, in this order: the property alone, or the temporary folder and the cache. */
  static List<Path> candidates() {
    String chosen = System.getProperty(PROPERTY);
    if (chosen != null && !chosen.isBlank()) {
      return List.of(Path.of(chosen));
    }
    List<Path> folders = new ArrayList<>(List.of(PrivateFolder.temporary()));
    folders.addAll(PrivateFolder.cache());
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
    return PrivateFolder.put(folder, name, FileContents.of(contents));
  }

  /** What tells versions of the library apart, in its file's name. */
  static String hash(byte[] contents) {
    return FileContents.of(contents).hash();
  }
}
