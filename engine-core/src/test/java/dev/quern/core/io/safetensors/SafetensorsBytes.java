package dev.quern.core.io.safetensors;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A safetensors file put together by hand, right or wrong.
 *
 * @param length what the first eight bytes say
 * @param header the bytes of the header
 * @param data number of data bytes after it
 */
record SafetensorsBytes(long length, byte[] header, int data) {

  static SafetensorsBytes of(String header, int data) {
    byte[] b = header.getBytes(UTF_8);
    return new SafetensorsBytes(b.length, b, data);
  }

  byte[] toBytes() {
    ByteBuffer b = ByteBuffer.allocate(8 + header.length + data).order(ByteOrder.LITTLE_ENDIAN);
    b.putLong(length).put(header);
    for (int i = 0; i < data; i++) {
      b.put((byte) i);
    }
    return b.array();
  }

  Path writeTo(Path file) {
    try {
      return Files.write(file, toBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
