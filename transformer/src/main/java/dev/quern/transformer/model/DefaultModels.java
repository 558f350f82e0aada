package dev.quern.transformer.model;

import dev.quern.core.memory.FileContents;
import dev.quern.core.memory.PrivateFolder;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Setting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The models that come with Quern: GGUF files among the resources of this module, in the folder
 * {@code dev/quern/transformer/models}.
 *
 * <p>What lies in a jar can't be mapped. It is unpacked once, under a name with its checksum, into
 * a {@link PrivateFolder}: that of {@code -Dquern.cache.dir}, else the user's cache, else the
 * user's folder among temporary files.
 */
final class DefaultModels {
  /** The system property that names a folder to unpack to, instead of the usual ones. */
  static final String PROPERTY = "quern.cache.dir";

  private static final String FOLDER = "/dev/quern/transformer/models/";
  private static final Map<Task, String> FILES =
      new EnumMap<>(
          Map.of(
              Task.TEXT_GENERATION, "shakespeare.gguf",
              Task.TEXT_CLASSIFICATION, "classifier.gguf"));

  private DefaultModels() {}

  /** The file of the model for a task. */
  static Path path(Task task) {
    String name = FILES.get(task);
    URL resource = name == null ? null : DefaultModels.class.getResource(FOLDER + name);
    if (name == null || resource == null) {
      throw new NotSupportedException(
          "[models] no model for "
              + task.jsonName()
              + " comes with this build of Quern; give one of your own");
    }
    return file(resource, name, folders());
  }

  private static List<Path> folders() {
    String chosen = Setting.text(PROPERTY);
    if (chosen != null) {
      return List.of(Path.of(chosen));
    }
    List<Path> folders = new ArrayList<>(PrivateFolder.cache());
    folders.add(PrivateFolder.temporary());
    return folders;
  }

  /** A resource as a file: itself, if it is one, else a copy in the first folder that works. */
  static Path file(URL resource, String name, List<Path> folders) {
    Path plain = plain(resource);
    if (plain != null) {
      return plain;
    }
    List<String> failures = new ArrayList<>();
    try {
      FileContents contents = FileContents.of(resource);
      for (Path folder : folders) {
        try {
          return PrivateFolder.put(folder, name, contents);
        } catch (IOException e) {
          failures.add(folder + ": " + e.getMessage());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + resource + ": " + e.getMessage(), e);
    }
    String why = String.join("; ", failures);
    throw new UncheckedIOException(
        new IOException(
            "the model that comes with Quern can't be unpacked: "
                + why
                + "; name a folder that is yours alone: -D"
                + PROPERTY
                + "=FOLDER"));
  }

  private static @Nullable Path plain(URL resource) {
    try {
      return resource.getProtocol().equals("file") ? Path.of(resource.toURI()) : null;
    } catch (URISyntaxException e) {
      return null; // copied, then
    }
  }
}
