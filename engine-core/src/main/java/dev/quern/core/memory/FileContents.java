package dev.quern.core.memory;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.jar.JarEntry;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * What a file of a {@link PrivateFolder} shall hold.
 *
 * <p>Hashes need not withstand forgery: the folder is closed to others. A cryptographic hash would
 * have each start of the JVM set up security providers.
 */
public sealed interface FileContents {
  /**
   * A name for the contents, which tells versions apart.
   *
   * @return hexadecimal digits
   */
  String hash();

  /**
   * Whether a file holds them.
   *
   * @param file a regular file
   * @return true if it does
   * @throws IOException if it can't be read
   */
  boolean isIn(Path file) throws IOException;

  /**
   * Writes them.
   *
   * @param out stays open
   * @throws IOException if they can't be read or written
   */
  void writeTo(OutputStream out) throws IOException;

  /**
   * Contents in memory, compared byte by byte.
   *
   * @param bytes not to be changed
   * @return the contents
   */
  static FileContents of(byte[] bytes) {
    return new Bytes(bytes);
  }

  /**
   * A resource, known by its length and checksum, which a jar's directory gives without reading it.
   * A file that is there already is read through once, at the speed of memory.
   *
   * @param resource as a class loader gives it
   * @return the contents
   * @throws IOException if it can't be read
   */
  static FileContents of(URL resource) throws IOException {
    return Resource.open(resource);
  }

  /**
   * Contents in memory.
   *
   * @param bytes the contents
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Bytes(byte[] bytes) implements FileContents {
    @Override
    public String hash() {
      CRC32 crc = new CRC32();
      crc.update(bytes);
      CRC32C castagnoli = new CRC32C();
      castagnoli.update(bytes);
      return HexFormat.of().toHexDigits(crc.getValue() << 32 | castagnoli.getValue());
    }

    @Override
    public boolean isIn(Path file) throws IOException {
      return Files.size(file) == bytes.length && Arrays.equals(Files.readAllBytes(file), bytes);
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
      out.write(bytes);
    }
  }

  /**
   * A resource.
   *
   * @param url where it is
   * @param size its length in bytes
   * @param crc its CRC-32
   */
  record Resource(URL url, long size, long crc) implements FileContents {
    private static Resource open(URL url) throws IOException {
      URLConnection connection = url.openConnection();
      if (connection instanceof JarURLConnection jar) {
        JarEntry entry = jar.getJarEntry();
        if (entry != null && entry.getSize() >= 0 && entry.getCrc() >= 0) {
          return new Resource(url, entry.getSize(), entry.getCrc());
        }
      }
      try (Counted in = new Counted(connection.getInputStream())) {
        in.transferTo(OutputStream.nullOutputStream());
        return new Resource(url, in.size, in.crc.getValue());
      }
    }

    @Override
    public String hash() {
      return HexFormat.of().toHexDigits((int) crc) + Long.toHexString(size);
    }

    @Override
    public boolean isIn(Path file) throws IOException {
      if (Files.size(file) != size) {
        return false;
      }
      CRC32 found = new CRC32();
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
          Arena arena = Arena.ofConfined()) {
        var bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
        for (long at = 0; at < size; at += Integer.MAX_VALUE) {
          ByteBuffer part =
              bytes.asSlice(at, Math.min(Integer.MAX_VALUE, size - at)).asByteBuffer();
          found.update(part);
        }
      }
      return found.getValue() == crc;
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
      try (InputStream in = url.openStream()) {
        in.transferTo(out);
      }
    }
  }

  /** Counts and sums what is read. */
  final class Counted extends FilterInputStream {
    private final CRC32 crc = new CRC32();
    private long size;

    private Counted(InputStream in) {
      super(in);
    }

    @Override
    public int read() throws IOException {
      int b = super.read();
      if (b >= 0) {
        crc.update(b);
        size++;
      }
      return b;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      int count = super.read(into, from, length);
      if (count > 0) {
        crc.update(into, from, count);
        size += count;
      }
      return count;
    }
  }
}
