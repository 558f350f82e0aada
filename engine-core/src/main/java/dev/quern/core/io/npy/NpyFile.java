package dev.quern.core.io.npy;

import dev.quern.core.io.AtomicFile;
import dev.quern.core.io.internal.Blame;
import dev.quern.core.io.internal.ByteCursor;
import dev.quern.core.io.internal.TensorTable;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Reads and writes npy files. Reads versions 1.0 to 3.0, C and Fortran order, both byte orders;
 * writes version 1.0, C order, little-endian.
 */
public final class NpyFile {
  private static final int ALIGNMENT = 64;

  private NpyFile() {}

  /**
   * Reads an array.
   *
   * @param path an npy file
   * @return the array, copied into memory
   * @throws FormatException if it is no such file, is damaged, has more or fewer bytes than its
   *     header says, or holds objects
   * @throws NotSupportedException if the element type is text, complex, structured or longer
   * @throws UncheckedIOException if it can't be read
   */
  public static NpyArray read(Path path) {
    Blame blame = new Blame("npy", path.toString());
    return TensorTable.open(
        blame,
        path,
        file -> {
          MemorySegment bytes = file.bytes();
          NpyHeader header = NpyHeader.parse(blame, new ByteCursor(blame, bytes));
          checkSize(blame, header, bytes.byteSize());
          NpyArray array = decode(header, bytes.asSlice(header.dataOffset()));
          file.close();
          return array;
        });
  }

  static void checkSize(Blame blame, NpyHeader header, long fileBytes) {
    long there = fileBytes - header.dataOffset();
    if (there != header.dataBytes()) {
      throw blame.at(
          header.dataOffset(),
          "data",
          header.shape()
              + " "
              + header.typeName()
              + " has "
              + header.dataBytes()
              + " bytes, but "
              + there
              + " follow the header");
    }
  }

  static NpyArray decode(NpyHeader header, MemorySegment source) {
    MemorySegment data = Arena.ofAuto().allocate(header.dataBytes(), ALIGNMENT);
    if (header.fortranOrder() && header.shape().rank() > 1) {
      Reorder.toRowMajor(source, data, header.shape(), header.elementBytes());
    } else {
      data.copyFrom(source);
    }
    if (header.bigEndian()) {
      Reorder.swapBytes(data, header.elementBytes());
    }
    return new NpyArray(
        header.typeName(), NpyArray.dtypeOf(header.typeName()), header.shape(), data);
  }

  /**
   * Writes an array.
   *
   * @param target created or replaced, atomically
   * @param spec dtype and shape
   * @param bytes all elements, row-major, little-endian
   * @throws NotSupportedException for BF16, F8_E4M3 and block types, which NumPy does not have
   * @throws FormatException if {@code bytes} has another size than {@code spec} says
   * @throws UncheckedIOException if that fails; an old file is left as it was
   */
  public static void write(Path target, TensorSpec spec, MemorySegment bytes) {
    checkSize(spec, bytes.byteSize());
    write(target, spec, sink -> sink.write(bytes));
  }

  /**
   * Writes an array whose elements come piece by piece, and need not be in memory together.
   *
   * @param target created or replaced, atomically
   * @param spec dtype and shape
   * @param elements writes all elements, row-major, little-endian
   * @throws NotSupportedException for BF16, F8_E4M3 and block types, which NumPy does not have
   * @throws FormatException if {@code elements} wrote another size than {@code spec} says
   * @throws UncheckedIOException if that fails; an old file is left as it was
   */
  public static void write(Path target, TensorSpec spec, AtomicFile.Body elements) {
    byte[] header = header(spec);
    AtomicFile.write(
        target,
        sink -> {
          sink.write(header);
          elements.writeTo(sink);
          checkSize(spec, sink.position() - header.length);
        });
  }

  static void checkSize(TensorSpec spec, long bytes) {
    if (bytes != spec.byteSize()) {
      throw new FormatException(
          "[npy] " + spec + " has " + spec.byteSize() + " bytes, but " + bytes + " were given");
    }
  }

  static byte[] header(TensorSpec spec) {
    String dims = spec.shape().toString();
    String tuple = dims.substring(1, dims.length() - 1) + (spec.shape().rank() == 1 ? "," : "");
    String text =
        "{'descr': '" + descr(spec) + "', 'fortran_order': False, 'shape': (" + tuple + "), }";
    int prefix = 10;
    int padded = (prefix + text.length() + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - prefix;
    String head = "\u0093NUMPY\u0001\u0000" + (char) (padded & 0xFF) + (char) (padded >> 8);
    String filled = head + text + " ".repeat(padded - text.length() - 1) + "\n";
    return filled.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String descr(TensorSpec spec) {
    if (spec.dtype() instanceof ScalarType t && t != ScalarType.BF16 && t != ScalarType.F8_E4M3) {
      String name = t == ScalarType.BOOL ? "b1" : (t.name().charAt(0) + "" + t.bytes());
      return (t.bytes() == 1 ? "|" : "<") + name.toLowerCase(Locale.ROOT);
    }
    throw new NotSupportedException(
        "[npy] NumPy has no element type for " + spec.dtype().name() + "; cast to F32 first");
  }
}
