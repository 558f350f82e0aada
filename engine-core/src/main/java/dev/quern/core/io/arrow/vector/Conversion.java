package dev.quern.core.io.arrow.vector;

import dev.quern.core.io.ByteSink;
import dev.quern.core.io.arrow.ArrowFile;
import dev.quern.core.type.FormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;

/**
 * The conversion itself: a stream in memory, which one side writes and the other reads. Apart from
 * {@link ArrowVectors}, which must load where the library is missing.
 */
final class Conversion {
  private static final int ALIGNMENT = 64;

  private Conversion() {}

  static BufferAllocator allocator() {
    return new RootAllocator();
  }

  static LoadedVectors load(ArrowFile file, int batch, BufferAllocator allocator) {
    file.batch(batch); // checks what that library would trust
    Pieces pieces = new Pieces();
    file.copyBatch(batch, pieces);
    ArrowStreamReader reader = new ArrowStreamReader(pieces, allocator);
    boolean done = false;
    try {
      VectorSchemaRoot root = reader.getVectorSchemaRoot();
      reader.loadNextBatch();
      done = true;
      return new LoadedVectors(reader, root);
    } catch (OutOfMemoryException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new FormatException(
          "[arrow] " + file.name() + ": arrow-vector does not read batch " + batch + ": " + e, e);
    } finally {
      if (!done) {
        close(reader);
      }
    }
  }

  private static void close(ArrowStreamReader reader) {
    try {
      reader.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static ArrowFile read(String name, VectorSchemaRoot root, DictionaryProvider dictionaries) {
    Growing out = new Growing();
    try (ArrowStreamWriter writer = new ArrowStreamWriter(root, dictionaries, out)) {
      writer.start();
      writer.writeBatch();
      writer.end();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot convert " + name, e);
    }
    return ArrowFile.of(name, out.bytes.asSlice(0, out.size));
  }

  /** Pieces of a mapped file, read one after the other without a copy of their own. */
  private static final class Pieces implements ByteSink, ReadableByteChannel {
    private static final long PIECE_BYTES = 1 << 30; // a buffer's length is an int

    private final Deque<ByteBuffer> buffers = new ArrayDeque<>();
    private long position;

    @Override
    public void write(MemorySegment bytes) {
      for (long from = 0; from < bytes.byteSize(); from += PIECE_BYTES) {
        long length = Math.min(PIECE_BYTES, bytes.byteSize() - from);
        buffers.add(bytes.asSlice(from, length).asByteBuffer());
      }
      position += bytes.byteSize();
    }

    @Override
    public long position() {
      return position;
    }

    @Override
    public int read(ByteBuffer to) {
      while (!buffers.isEmpty() && !buffers.getFirst().hasRemaining()) {
        buffers.removeFirst();
      }
      if (buffers.isEmpty()) {
        return -1;
      }
      ByteBuffer from = buffers.getFirst();
      int n = Math.min(from.remaining(), to.remaining());
      to.put(from.slice().limit(n));
      from.position(from.position() + n);
      return n;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {
      buffers.clear();
    }
  }

  /** Memory that doubles when it is full. */
  private static final class Growing implements WritableByteChannel {
    private MemorySegment bytes = Arena.ofAuto().allocate(1 << 16, ALIGNMENT);
    private long size;

    @Override
    public int write(ByteBuffer from) {
      int n = from.remaining();
      if (size + n > bytes.byteSize()) {
        long larger = Math.max(2 * bytes.byteSize(), size + n);
        MemorySegment next = Arena.ofAuto().allocate(larger, ALIGNMENT);
        MemorySegment.copy(bytes, 0, next, 0, size);
        bytes = next;
      }
      MemorySegment.copy(MemorySegment.ofBuffer(from), 0, bytes, size, n);
      from.position(from.limit());
      size += n;
      return n;
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }
}
