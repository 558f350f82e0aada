package dev.quern.transformer.data;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.memory.MappedFile;
import dev.quern.core.type.FormatException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * Token ids in a mapped file: opening reads nothing but both ends.
 *
 * <p>The format, all numbers little-endian: 16 bytes of header ({@code QUERNTOK}, u32 version 1,
 * u32 type: 1 U16, 2 U32, 3 I32); the ids; zeros up to a multiple of 8; 24 bytes of trailer (u64
 * number of ids, u32 CRC-32C of the ids' bytes, u32 CRC-32C of the header and of the trailer so
 * far, {@code KOTNREUQ}). What depends on all ids stands at the end, so that a corpus is written in
 * one pass, and a file that was cut short is found out. Files of bare 16-bit ids, as nanoGPT writes
 * them, are read by {@link #openRaw}.
 *
 * <p>Safe to share between threads. Closing it unmaps the file: close what reads it first.
 */
public final class TokenFile implements TokenSequence, AutoCloseable {
  static final int VERSION = 1;
  static final int HEADER_BYTES = 16;
  static final int TRAILER_BYTES = 24;
  static final long BEGINS = magic("QUERNTOK");
  static final long ENDS = magic("KOTNREUQ");

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MappedFile file;
  private final TokenType type;
  private final MemorySegment ids;
  private final long size;
  private final int checksum;
  private final boolean raw;

  private TokenFile(MappedFile file, TokenType type, MemorySegment ids, int checksum, boolean raw) {
    this.file = file;
    this.type = type;
    this.ids = ids;
    this.size = ids.byteSize() / type.bytes();
    this.checksum = checksum;
    this.raw = raw;
  }

  private static long magic(String text) {
    long value = 0;
    for (int i = 0; i < Long.BYTES; i++) {
      value |= (long) text.charAt(i) << (8 * i);
    }
    return value;
  }

  /**
   * Opens a file that {@link #write} has written. The ids are not looked at; {@link #verify} does.
   *
   * @param path the file
   * @return its ids
   * @throws FormatException if it isn't one, or was cut short or damaged at its ends
   * @throws java.io.UncheckedIOException if it can't be read
   */
  public static TokenFile open(Path path) {
    MappedFile file = MappedFile.open(path);
    try {
      return read(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static TokenFile read(MappedFile file) {
    MemorySegment all = file.bytes();
    long length = all.byteSize();
    if (length < HEADER_BYTES || all.get(LONG, 0) != BEGINS) {
      throw new FormatException(
          file.path()
              + ": not a token file, which begins with QUERNTOK; open bare ids as raw, or write"
              + " them anew");
    }
    int version = all.get(INT, 8);
    if (version != VERSION) {
      throw new FormatException(
          "%s: byte 8: version %d; this Quern reads version %d"
              .formatted(file.path(), version, VERSION));
    }
    TokenType type = type(file.path(), all.get(INT, 12));
    long trailer = length - TRAILER_BYTES;
    if (trailer < HEADER_BYTES || all.get(LONG, length - 8) != ENDS) {
      throw new FormatException(
          file.path() + ": byte " + length + ": the end is missing; the file was cut short");
    }
    long count = all.get(LONG, trailer);
    int sealed = all.get(INT, trailer + 12);
    boolean fits =
        count >= 0 && count <= length && HEADER_BYTES + padded(count * type.bytes()) == trailer;
    if (!fits || sealed != seal(all.asSlice(0, HEADER_BYTES), all.asSlice(trailer, 12))) {
      throw new FormatException(
          "%s: byte %d: the trailer is damaged; write the file anew"
              .formatted(file.path(), trailer));
    }
    return new TokenFile(
        file,
        type,
        all.asSlice(HEADER_BYTES, count * type.bytes()),
        all.get(INT, trailer + 8),
        false);
  }

  private static TokenType type(Path path, int code) {
    for (TokenType type : TokenType.values()) {
      if (type.code() == code) {
        return type;
      }
    }
    throw new FormatException(
        path + ": byte 12: type " + code + "; it is 1 (U16), 2 (U32) or 3 (I32)");
  }

  /** Bytes with the zeros that follow them. */
  static long padded(long bytes) {
    return (bytes + 7) / 8 * 8;
  }

  /** What guards header and trailer. */
  static int seal(MemorySegment header, MemorySegment trailer) {
    CRC32C crc = new CRC32C();
    crc.update(header.asByteBuffer());
    crc.update(trailer.asByteBuffer());
    return (int) crc.getValue();
  }

  /**
   * Opens a file of bare ids without header, such as nanoGPT's {@code train.bin}.
   *
   * @param path the file
   * @param type how they are stored; nanoGPT's are {@link TokenType#U16}
   * @return its ids
   * @throws FormatException if its length is no multiple of an id's, or it has Quern's header
   * @throws java.io.UncheckedIOException if it can't be read
   */
  public static TokenFile openRaw(Path path, TokenType type) {
    MappedFile file = MappedFile.open(path);
    try {
      MemorySegment all = file.bytes();
      if (all.byteSize() % type.bytes() != 0) {
        throw new FormatException(
            "%s: %d bytes are no whole number of %s ids; give the type it was written with"
                .formatted(path, all.byteSize(), type));
      }
      if (all.byteSize() >= HEADER_BYTES && all.get(LONG, 0) == BEGINS) {
        throw new FormatException(path + ": it has a header; don't open it as raw");
      }
      return new TokenFile(file, type, all, 0, true);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /**
   * Writes a file, as a whole or not at all.
   *
   * @param path created or replaced
   * @param type how ids are stored
   * @param body hands over the ids, from first to last
   * @throws DataException for an id that the type can't hold; an older file is left as it was
   * @throws java.io.UncheckedIOException if writing fails; an older file is left as it was
   */
  public static void write(Path path, TokenType type, Consumer<TokenSink> body) {
    AtomicFile.write(
        path,
        sink -> {
          TokenSink tokens = new TokenSink(sink, type);
          body.accept(tokens);
          tokens.finish();
        });
  }

  /**
   * Compares the ids with their checksum, which reads all of them.
   *
   * @throws FormatException if they don't agree; a raw file has no checksum and always passes
   */
  public void verify() {
    if (raw) {
      return;
    }
    CRC32C crc = new CRC32C();
    long piece = 1L << 20;
    for (long from = 0; from < ids.byteSize(); from += piece) {
      crc.update(ids.asSlice(from, Math.min(piece, ids.byteSize() - from)).asByteBuffer());
    }
    if ((int) crc.getValue() != checksum) {
      throw new FormatException(
          file.path() + ": the ids don't agree with their checksum; write the file anew");
    }
  }

  /**
   * How the ids are stored.
   *
   * @return the type
   */
  public TokenType type() {
    return type;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long from, int[] into, int offset, int length) {
    Objects.checkFromToIndex(from, from + length, size());
    Objects.checkFromIndexSize(offset, length, into.length);
    if (type == TokenType.U16) {
      for (int i = 0; i < length; i++) {
        into[offset + i] = Short.toUnsignedInt(ids.get(SHORT, 2 * (from + i)));
      }
      return;
    }
    for (int i = 0; i < length; i++) {
      int id = ids.get(INT, 4 * (from + i));
      if (!type.holds(id)) {
        throw new FormatException(
            "%s: id %d is %s, above 2^31 - 1; write the file anew"
                .formatted(file.path(), from + i, Integer.toUnsignedString(id)));
      }
      into[offset + i] = id;
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
