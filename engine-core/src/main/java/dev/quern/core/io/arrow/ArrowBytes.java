package dev.quern.core.io.arrow;

import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.MappedFile;
import dev.quern.core.memory.Storage;
import dev.quern.core.type.Device;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** All bytes of a file or stream, mapped or in memory, and the storages that look at them. */
final class ArrowBytes {
  private static final int ALIGNMENT = 64;

  private final @Nullable MappedFile file;
  private final MemorySegment bytes;
  private final Lifetime lifetime;
  private final Map<Key, Storage> storages = new ConcurrentHashMap<>();

  private record Key(long offset, TensorSpec spec) {}

  private ArrowBytes(@Nullable MappedFile file, MemorySegment bytes, String owner) {
    this.file = file;
    this.bytes = bytes;
    this.lifetime = new Lifetime(owner);
  }

  static ArrowBytes mapped(MappedFile file) {
    return new ArrowBytes(file, file.bytes(), "mapped file '" + file.path().getFileName() + "'");
  }

  /** Bytes of somebody else, who keeps them; copied if they are on the heap. */
  static ArrowBytes memory(String name, MemorySegment bytes) {
    MemorySegment own = bytes;
    if (!bytes.isNative()) {
      own = Arena.ofAuto().allocate(bytes.byteSize(), ALIGNMENT).copyFrom(bytes);
    }
    return new ArrowBytes(null, own.asReadOnly(), "Arrow data '" + name + "'");
  }

  long size() {
    return bytes.byteSize();
  }

  MemorySegment all() {
    if (file != null) {
      return file.bytes();
    }
    if (!lifetime.isOpen()) {
      throw new ScopeClosedException(lifetime.owner() + " was used after it was closed");
    }
    return bytes;
  }

  /**
   * A tensor's bytes, which lie in the file: the same storage each time. Bytes that are not aligned
   * to their elements are copied, since not all kernels read across such boundaries.
   */
  Storage storage(long offset, TensorSpec spec) {
    all();
    return storages.computeIfAbsent(new Key(offset, spec), this::map);
  }

  private Storage map(Key key) {
    MemorySegment part = bytes.asSlice(key.offset, key.spec.byteSize());
    boolean aligned = part.address() % key.spec.dtype().blockBytes() == 0;
    if (file == null) {
      return new Storage(aligned ? part : copy(part), key.spec, Device.CPU, lifetime, false);
    }
    Storage mapped = file.storage(key.offset, key.spec);
    return aligned
        ? mapped
        : new Storage(copy(part), key.spec, Device.CPU, mapped.lifetime(), false);
  }

  /** A storage of new bytes, which ends with the file as the others do. */
  Storage made(MemorySegment segment, TensorSpec spec) {
    all();
    Lifetime owner = storage(0, TensorSpec.of(ScalarType.U8, 0)).lifetime();
    return new Storage(segment.asReadOnly(), spec, Device.CPU, owner, false);
  }

  private static MemorySegment copy(MemorySegment part) {
    return Arena.ofAuto().allocate(part.byteSize(), ALIGNMENT).copyFrom(part).asReadOnly();
  }

  void checkLength() {
    if (file == null) {
      all();
    } else {
      file.checkLength();
    }
  }

  void close() {
    if (file != null) {
      file.close();
    } else if (!lifetime.close()) {
      throw new ScopeClosedException(lifetime.owner() + " was closed twice; close it once");
    }
  }
}
