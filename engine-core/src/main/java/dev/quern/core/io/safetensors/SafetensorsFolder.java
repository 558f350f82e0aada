package dev.quern.core.io.safetensors;

import dev.quern.core.io.TensorFile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.memory.PageMover;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.ScopeClosedException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tensors of a model's folder: those of {@code model.safetensors}, or those of all the files
 * that {@code model.safetensors.index.json} names. If both are there, the single file counts, as it
 * does for the libraries that write such folders.
 *
 * <p>{@link TensorInfo#offsetBytes()} counts from the beginning of the file that holds the tensor.
 * A tensor of a shard that the index does not name is not listed.
 */
public final class SafetensorsFolder implements TensorFile {
  /** The file name of a model in one file. */
  public static final String SINGLE = "model.safetensors";

  /** The file name of the index of a model in several files. */
  public static final String INDEX = "model.safetensors.index.json";

  private final Path path;
  private final List<SafetensorsFile> shards;
  private final List<SafetensorsFile> open;
  private final Map<String, SafetensorsFile> fileOf;
  private final Map<String, TensorInfo> tensors;

  private SafetensorsFolder(
      Path path, List<SafetensorsFile> shards, Map<String, SafetensorsFile> fileOf) {
    this.path = path;
    this.shards = shards;
    this.open = new ArrayList<>(shards);
    this.fileOf = fileOf;
    Map<String, TensorInfo> all = new LinkedHashMap<>();
    fileOf.forEach((name, file) -> all.put(name, file.info(name)));
    this.tensors = Collections.unmodifiableMap(all);
  }

  /**
   * Opens a folder, and all files of it that hold tensors.
   *
   * @param path a folder with one of the two files, or an index file, or a single safetensors file
   * @return the tensors, to be closed
   * @throws FormatException if there is neither file, if a file is damaged or missing, or if the
   *     index names a file outside the folder; names file, offset and field
   * @throws UncheckedIOException if a file can't be read
   */
  public static SafetensorsFolder open(Path path) {
    if (!Files.isDirectory(path)) {
      String name = String.valueOf(path.getFileName());
      return name.endsWith(".json") ? sharded(path, path) : single(path, path);
    }
    Path single = path.resolve(SINGLE);
    Path index = path.resolve(INDEX);
    if (Files.exists(single)) {
      return single(path, single);
    }
    if (Files.exists(index)) {
      return sharded(path, index);
    }
    throw new Blame("safetensors", path.toString())
        .whole("the folder has neither " + SINGLE + " nor " + INDEX);
  }

  private static SafetensorsFolder single(Path path, Path file) {
    SafetensorsFile only = SafetensorsFile.open(file);
    Map<String, SafetensorsFile> fileOf = new LinkedHashMap<>();
    only.names().forEach(name -> fileOf.put(name, only));
    return new SafetensorsFolder(path, List.of(only), fileOf);
  }

  private static SafetensorsFolder sharded(Path path, Path indexFile) {
    ShardIndex index = ShardIndex.read(indexFile);
    List<SafetensorsFile> opened = new ArrayList<>();
    boolean done = false;
    try {
      Map<Path, SafetensorsFile> byPath = new LinkedHashMap<>();
      for (Path shard : index.shards()) {
        SafetensorsFile file = SafetensorsFile.open(shard);
        opened.add(file);
        byPath.put(shard, file);
      }
      Map<String, SafetensorsFile> fileOf = new LinkedHashMap<>();
      index
          .shardOf()
          .forEach(
              (name, shard) -> {
                SafetensorsFile file = byPath.get(shard);
                if (file == null || !file.contains(name)) {
                  throw new Blame("safetensors index", indexFile.toString())
                      .whole(
                          "weight_map puts tensor "
                              + Blame.quote(name)
                              + " into "
                              + shard.getFileName()
                              + ", which does not have it");
                }
                fileOf.put(name, file);
              });
      SafetensorsFolder folder = new SafetensorsFolder(path, opened, fileOf);
      done = true;
      return folder;
    } finally {
      if (!done) {
        opened.forEach(SafetensorsFile::close);
      }
    }
  }

  /**
   * The files that hold the tensors.
   *
   * @return one, or all shards in the order in which the index first names them
   */
  public List<SafetensorsFile> files() {
    return Collections.unmodifiableList(shards);
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return tensors;
  }

  @Override
  public Storage storage(String name) {
    SafetensorsFile file = fileOf.get(name);
    if (file == null) {
      throw new Blame("safetensors", path.toString())
          .whole("there is no tensor " + Blame.quote(name) + " among the " + tensors.size());
    }
    return file.storage(name);
  }

  @Override
  public void checkLength() {
    shards.forEach(SafetensorsFile::checkLength);
  }

  @Override
  public long moveTo(PageMover mover) {
    return shards.stream().mapToLong(s -> s.moveTo(mover)).sum();
  }

  @Override
  public synchronized void close() {
    if (open.isEmpty()) {
      throw new ScopeClosedException("[safetensors] " + path + " was closed twice; close it once");
    }
    ScopeClosedException inUse = null;
    for (SafetensorsFile file : List.copyOf(open)) {
      try {
        file.close();
        open.remove(file);
      } catch (ScopeClosedException e) {
        inUse = e;
      }
    }
    if (inUse != null) {
      throw inUse;
    }
  }
}
