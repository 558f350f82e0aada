package dev.quern.core.io.safetensors;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.io.internal.JsonReader;
import dev.quern.core.io.internal.TensorTable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * The index of a sharded model: which tensor is in which file of the same folder.
 *
 * <p>Shards must be plain file names, and must really lie in the folder (symbolic links resolved):
 * an index from a stranger may not make Quern map files elsewhere. One exception is made for the
 * download cache of the Hugging Face hub, where the index and all shards are links into one folder
 * of blobs: shards may lie where the index really lies.
 *
 * @param path the index file
 * @param shardOf tensor name → file, in the order of the index
 */
record ShardIndex(Path path, Map<String, Path> shardOf) {
  private static final long MAX_INDEX_BYTES = 100_000_000;
  private static final int MAX_TENSORS = 1 << 20;
  private static final int MAX_SHARDS = 1 << 12;

  static ShardIndex read(Path path) {
    Blame blame = new Blame("safetensors index", path.toString());
    return TensorTable.open(
        blame,
        path,
        file -> {
          long size = file.bytes().byteSize();
          if (size > MAX_INDEX_BYTES) {
            throw blame.whole(size + " bytes are more than the limit of " + MAX_INDEX_BYTES);
          }
          ByteCursor in = new ByteCursor(blame, file.bytes());
          Map<String, Path> shardOf = new Parser(blame, path, in).parse();
          file.close();
          return new ShardIndex(path, shardOf);
        });
  }

  /** All shards. */
  Set<Path> shards() {
    return new LinkedHashSet<>(shardOf.values());
  }

  private static final class Parser {
    private final Blame blame;
    private final Path path;
    private final JsonReader json;
    private final Map<String, Path> shardOf = new LinkedHashMap<>();
    private final Map<String, Path> checked = new LinkedHashMap<>();

    Parser(Blame blame, Path path, ByteCursor in) {
      this.blame = blame;
      this.path = path;
      this.json = new JsonReader(in, "index");
    }

    Map<String, Path> parse() {
      json.object(
          key -> {
            if (key.equals("weight_map")) {
              json.object(this::entry);
            } else {
              json.skip();
            }
          });
      json.end();
      if (shardOf.isEmpty()) {
        throw blame.whole("weight_map is missing or empty");
      }
      return shardOf;
    }

    private void entry(String tensor) {
      String name = json.string();
      Path shard = checked.get(name);
      if (shard == null) {
        shard = check(tensor, name);
        checked.put(name, shard);
      }
      if (checked.size() > MAX_SHARDS || shardOf.size() == MAX_TENSORS) {
        throw json.error("has more than " + MAX_SHARDS + " files or " + MAX_TENSORS + " tensors");
      }
      shardOf.put(tensor, shard);
    }

    private Path check(String tensor, String name) {
      String field = "weight_map of " + Blame.quote(tensor) + ": file " + Blame.quote(name);
      try {
        boolean plain =
            !name.isEmpty()
                && !name.equals(".")
                && !name.equals("..")
                && name.indexOf('/') < 0
                && name.indexOf('\\') < 0
                && name.indexOf(':') < 0
                && Path.of(name).getNameCount() == 1;
        if (!plain) {
          throw json.error(field + " is no plain file name of the same folder");
        }
        Path shard = path.resolveSibling(name);
        if (!Files.isRegularFile(shard)) {
          throw json.error(field + " does not exist beside the index");
        }
        Path lies = folderOf(shard.toRealPath());
        Path folder = folderOf(path.toAbsolutePath()).toRealPath();
        if (!lies.equals(folder) && !lies.equals(folderOf(path.toRealPath()))) {
          throw json.error(field + " is a link out of the folder of the index");
        }
        return shard;
      } catch (InvalidPathException e) {
        throw json.error(field + " is no file name");
      } catch (IOException e) {
        throw new UncheckedIOException("cannot resolve " + name + " beside " + path, e);
      }
    }

    private static Path folderOf(Path file) {
      Path folder = file.getParent();
      return folder == null ? file : folder;
    }
  }
}
