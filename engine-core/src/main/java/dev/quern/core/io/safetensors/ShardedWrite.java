package dev.quern.core.io.safetensors;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.ByteSink;
import dev.quern.core.io.internal.JsonText;
import dev.quern.core.io.internal.PendingTensors.Pending;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Replaces the safetensors files of a folder. */
final class ShardedWrite {
  private final Path folder;
  private final Shard shard;

  /** Writes the bytes of one shard. */
  @FunctionalInterface
  interface Shard {
    void writeTo(ByteSink sink, List<Pending> tensors);
  }

  ShardedWrite(Path folder, Shard shard) {
    this.folder = folder;
    this.shard = shard;
  }

  void run(List<Pending> tensors, long maxShardBytes) {
    List<List<Pending>> parts = cut(tensors, maxShardBytes);
    List<AtomicFile> files = new ArrayList<>();
    try {
      for (int i = 0; i < parts.size(); i++) {
        List<Pending> part = parts.get(i);
        AtomicFile file = AtomicFile.begin(folder.resolve(name(i, parts.size())));
        files.add(file);
        file.fill(sink -> shard.writeTo(sink, part));
      }
      if (parts.size() > 1) {
        AtomicFile index = AtomicFile.begin(folder.resolve(SafetensorsFolder.INDEX));
        files.add(index);
        byte[] text = index(parts);
        index.fill(sink -> sink.write(text));
      }
      Files.deleteIfExists(folder.resolve(SafetensorsFolder.INDEX));
      if (parts.size() > 1) {
        Files.deleteIfExists(folder.resolve(SafetensorsFolder.SINGLE));
      }
      files.forEach(AtomicFile::commit);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + folder + ": " + e.getMessage(), e);
    } finally {
      files.forEach(AtomicFile::close);
    }
  }

  private static List<List<Pending>> cut(List<Pending> tensors, long maxShardBytes) {
    List<List<Pending>> parts = new ArrayList<>();
    List<Pending> part = new ArrayList<>();
    long bytes = 0;
    for (Pending t : tensors) {
      long size = t.spec().byteSize();
      if (!part.isEmpty() && size > maxShardBytes - bytes) {
        parts.add(part);
        part = new ArrayList<>();
        bytes = 0;
      }
      part.add(t);
      bytes += size;
    }
    parts.add(part);
    return parts;
  }

  private static String name(int index, int count) {
    return count == 1
        ? SafetensorsFolder.SINGLE
        : String.format("model-%05d-of-%05d.safetensors", index + 1, count);
  }

  private static byte[] index(List<List<Pending>> parts) {
    long total = 0;
    for (List<Pending> part : parts) {
      for (Pending t : part) {
        total = Math.addExact(total, t.spec().byteSize());
      }
    }
    JsonText json = new JsonText("safetensors");
    json.raw("{\"metadata\":{\"total_size\":" + total + "},\n\"weight_map\":{");
    String separator = "\n";
    for (int i = 0; i < parts.size(); i++) {
      for (Pending t : parts.get(i)) {
        json.raw(separator).string(t.name()).raw(":").string(name(i, parts.size()));
        separator = ",\n";
      }
    }
    return json.raw("\n}}\n").toBytes();
  }
}
