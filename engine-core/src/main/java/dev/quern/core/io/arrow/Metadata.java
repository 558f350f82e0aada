package dev.quern.core.io.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.QuernException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One flatbuffers message of a file, copied to the heap.
 *
 * <p>Flatbuffers' accessors follow whatever offsets they find. Over an array of exactly the
 * message's bytes the worst that a wrong offset can do is to leave it, which is an exception, or to
 * read another part of it, which is a wrong value. Lengths of vectors must be checked with {@link
 * #count} before anything is done so many times.
 */
final class Metadata {
  /** More than any schema or batch has; an index of ten million batches. */
  static final int MAX_BYTES = 1 << 28;

  private final Blame blame;
  private final long offset;
  private final byte[] bytes;

  private Metadata(Blame blame, long offset, byte[] bytes) {
    this.blame = blame;
    this.offset = offset;
    this.bytes = bytes;
  }

  /** Copies a message; the range lies within the file. */
  static Metadata read(Blame blame, MemorySegment file, long offset, int length) {
    if (length > MAX_BYTES) {
      throw blame.at(offset, "metadata", length + " bytes are above the limit of " + MAX_BYTES);
    }
    byte[] bytes = new byte[length];
    MemorySegment.copy(file, JAVA_BYTE, offset, bytes, 0, length);
    return new Metadata(blame, offset, bytes);
  }

  long offset() {
    return offset;
  }

  int size() {
    return bytes.length;
  }

  /** Reads something; what flatbuffers' accessors throw is an error of the file. */
  <T> T get(String what, Function<ByteBuffer, T> read) {
    try {
      return read.apply(ByteBuffer.wrap(bytes));
    } catch (QuernException e) {
      throw e;
    } catch (RuntimeException e) {
      // IndexOutOfBounds, IllegalArgument, BufferUnderflow...: whatever a wrong offset leads to.
      FormatException wrong = error(what, "is damaged (" + e + ")");
      wrong.initCause(e);
      throw wrong;
    }
  }

  /** How many elements a vector has, of each of which the message holds some bytes. */
  int count(int count, int leastBytes, String what) {
    if (count < 0 || (long) count * leastBytes > bytes.length) {
      throw error(what, count + " of them do not fit into a message of " + bytes.length + " bytes");
    }
    return count;
  }

  /** What flatbuffers gives for an absent table. */
  <T> T present(@Nullable T table, String what) {
    if (table == null) {
      throw error(what, "is missing");
    }
    return table;
  }

  FormatException error(String what, String detail) {
    return blame.at(offset, what, detail);
  }

  Blame blame() {
    return blame;
  }
}
