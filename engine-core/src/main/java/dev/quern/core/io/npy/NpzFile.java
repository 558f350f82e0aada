package dev.quern.core.io.npy;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.io.internal.TensorTable;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScopeClosedException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/** Reads npz archives: zip files of npy files, stored or deflated. */
public final class NpzFile implements AutoCloseable {
  /** What follows an array's name in the archive. */
  static final String SUFFIX = ".npy";

  private static final int MAX_MEMBERS = 1 << 16;
  private static final int PIECE_BYTES = 1 << 16;
  // Deflate cannot shrink further than this (zlib, "Maximum Compression Factor").
  private static final long MAX_RATIO = 1032;

  private final Path path;
  private final Blame blame;
  private final ZipFile zip;
  private final Map<String, ZipEntry> members = new LinkedHashMap<>();

  private NpzFile(Path path, Blame blame, ZipFile zip) {
    this.path = path;
    this.blame = blame;
    this.zip = zip;
  }

  /**
   * Opens an archive and reads its directory.
   *
   * @param path an npz file
   * @return the archive, to be closed
   * @throws FormatException if it is no zip file or is damaged
   * @throws UncheckedIOException if it can't be read
   */
  public static NpzFile open(Path path) {
    Blame blame = new Blame("npz", path.toString());
    TensorTable.checkRegular(blame, path);
    ZipFile zip;
    try {
      zip = new ZipFile(path.toFile(), StandardCharsets.UTF_8);
    } catch (ZipException | EOFException | IllegalArgumentException e) {
      throw blame.whole("is no zip file or is damaged: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot open " + path + ": " + e.getMessage(), e);
    }
    NpzFile npz = new NpzFile(path, blame, zip);
    boolean done = false;
    try {
      npz.list();
      done = true;
      return npz;
    } finally {
      if (!done) {
        npz.close();
      }
    }
  }

  private void list() {
    if (zip.size() > MAX_MEMBERS) {
      throw blame.whole(zip.size() + " members are more than the limit of " + MAX_MEMBERS);
    }
    zip.stream()
        .forEach(
            entry -> {
              String name = entry.getName();
              String plain =
                  name.endsWith(SUFFIX) ? name.substring(0, name.length() - SUFFIX.length()) : name;
              if (members.put(plain, entry) != null) {
                throw blame.whole("the member " + Blame.quote(name) + " occurs twice");
              }
            });
  }

  /**
   * The names of the arrays.
   *
   * @return immutable, in the order of the archive, without {@code .npy}
   */
  public Set<String> names() {
    return Collections.unmodifiableSet(members.keySet());
  }

  /**
   * Reads an array.
   *
   * @param name one of {@link #names()}
   * @return the array, copied into memory
   * @throws FormatException if there is no such member or it is damaged (its checksum is checked)
   * @throws NotSupportedException if the element type is text, complex, structured or longer
   * @throws ScopeClosedException if this archive was closed
   * @throws UncheckedIOException if it can't be read
   */
  public NpyArray read(String name) {
    ZipEntry entry = members.get(name);
    if (entry == null) {
      throw blame.whole("there is no array " + Blame.quote(name) + " among " + members.keySet());
    }
    Blame member = new Blame("npz", path + "!" + entry.getName());
    CRC32 crc = new CRC32();
    try (InputStream in = new CheckedInputStream(zip.getInputStream(entry), crc)) {
      NpyArray array = read(member, entry, Files.size(path), in);
      if (in.read() >= 0) {
        throw member.whole("bytes follow the array");
      }
      if (crc.getValue() != entry.getCrc()) {
        throw member.whole("the checksum differs; the file is damaged");
      }
      return array;
    } catch (IllegalStateException e) {
      throw new ScopeClosedException("[npz] " + path + " was used after it was closed", e);
    } catch (ZipException | EOFException e) {
      throw member.whole("the member is damaged: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path + ": " + e.getMessage(), e);
    }
  }

  private static NpyArray read(Blame blame, ZipEntry entry, long zipBytes, InputStream in)
      throws IOException {
    byte[] head = in.readNBytes(10);
    // Version 1 has two bytes of length, later ones have four.
    int more = head.length < 10 || head[6] == 1 ? 0 : 2;
    byte[] start = concat(head, in.readNBytes(more));
    long length = textLength(start);
    byte[] text = in.readNBytes((int) Math.min(length, NpyHeader.MAX_BYTES));
    byte[] all = concat(start, text);
    NpyHeader header = NpyHeader.parse(blame, new ByteCursor(blame, MemorySegment.ofArray(all)));
    NpyFile.checkSize(blame, header, entry.getSize());
    long compressed = entry.getCompressedSize();
    if (compressed > zipBytes || header.dataBytes() / MAX_RATIO - PIECE_BYTES > compressed) {
      throw blame.whole(
          header.dataBytes()
              + " bytes cannot come from "
              + compressed
              + " compressed ones in a file of "
              + zipBytes);
    }
    MemorySegment data = Arena.ofAuto().allocate(header.dataBytes(), 64);
    for (long at = 0; at < data.byteSize(); at += PIECE_BYTES) {
      byte[] piece = in.readNBytes((int) Math.min(PIECE_BYTES, data.byteSize() - at));
      MemorySegment.copy(MemorySegment.ofArray(piece), 0, data, at, piece.length);
      if (piece.length < Math.min(PIECE_BYTES, data.byteSize() - at)) {
        throw new EOFException("it ends early");
      }
    }
    return NpyFile.decode(header, data);
  }

  private static long textLength(byte[] start) {
    long length = 0;
    for (int i = 8; i < start.length; i++) {
      length |= (start[i] & 0xFFL) << (8 * (i - 8));
    }
    return length;
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] c = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, c, a.length, b.length);
    return c;
  }

  /** Closes the archive; arrays that were read stay. Closing it again does nothing. */
  @Override
  public void close() {
    try {
      zip.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot close " + path, e);
    }
  }
}
