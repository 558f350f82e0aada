package dev.quern.core.io.npy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.ScopeClosedException;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NpyTest {
  @TempDir Path folder;

  @Test
  void everyTypeComesBackAsItWasWritten() throws IOException {
    Path file = folder.resolve("a.npy");
    for (ScalarType t : ScalarType.values()) {
      for (long[] dims : new long[][] {{}, {0}, {5}, {2, 3}, {2, 3, 4}}) {
        TensorSpec spec = TensorSpec.of(t, dims);
        byte[] b = new byte[(int) spec.byteSize()];
        new Random(b.length).nextBytes(b);
        MemorySegment bytes = MemorySegment.ofArray(b);
        if (t == ScalarType.BF16 || t == ScalarType.F8_E4M3) {
          assertThrows(NotSupportedException.class, () -> NpyFile.write(file, spec, bytes));
          continue;
        }
        NpyFile.write(file, spec, bytes);
        NpyArray back = NpyFile.read(file);
        assertEquals(spec, back.spec());
        assertEquals(-1, bytes.mismatch(back.data()));
        assertEquals(0, (Files.size(file) - b.length) % 64);
      }
    }
    assertThrows(
        NotSupportedException.class,
        () -> NpyFile.write(file, TensorSpec.of(BlockType.Q8_0, 32), bytes(34)));
    assertThrows(
        FormatException.class,
        () -> NpyFile.write(file, TensorSpec.of(ScalarType.F32, 2), bytes(7)));
  }

  @Test
  void elementsMayComePieceByPiece() throws IOException {
    Path file = folder.resolve("pieces.npy");
    TensorSpec spec = TensorSpec.of(ScalarType.F32, 2, 3);
    float[] values = {1, 2, 3, 4, 5, 6};
    NpyFile.write(
        file,
        spec,
        sink -> {
          sink.write(MemorySegment.ofArray(values).asSlice(0, 8));
          sink.write(MemorySegment.ofArray(values).asSlice(8));
        });
    assertArrayEquals(values, NpyFile.read(file).floats());
    byte[] before = Files.readAllBytes(file);
    for (int size : new int[] {23, 25}) {
      assertThrows(
          FormatException.class, () -> NpyFile.write(file, spec, sink -> sink.write(bytes(size))));
      assertArrayEquals(before, Files.readAllBytes(file));
    }
  }

  private static MemorySegment bytes(int size) {
    return MemorySegment.ofArray(new byte[size]);
  }

  /** A file by hand: version, dictionary and data as given. */
  static byte[] npy(int major, String dictionary, byte... data) {
    byte[] text = dictionary.getBytes(StandardCharsets.UTF_8);
    int lengthBytes = major == 1 ? 2 : 4;
    byte[] b = new byte[8 + lengthBytes + text.length + data.length];
    byte[] magic = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) major, 0};
    System.arraycopy(magic, 0, b, 0, 8);
    for (int i = 0; i < lengthBytes; i++) {
      b[8 + i] = (byte) (text.length >>> (8 * i));
    }
    System.arraycopy(text, 0, b, 8 + lengthBytes, text.length);
    System.arraycopy(data, 0, b, 8 + lengthBytes + text.length, data.length);
    return b;
  }

  private NpyArray read(byte[] file) throws IOException {
    return NpyFile.read(Files.write(folder.resolve("hand.npy"), file));
  }

  @Test
  void versionsOrdersAndByteOrdersAreRead() throws IOException {
    byte[] six = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
    for (int version = 1; version <= 3; version++) {
      NpyArray big =
          read(npy(version, "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3), }\n", six));
      assertEquals(TensorSpec.of(ScalarType.I16, 2, 3), big.spec());
      assertArrayEquals(new long[] {1, 2, 3, 4, 5, 6}, big.longs());
      NpyArray fortran =
          read(npy(version, "{\"shape\":(2,3),\"fortran_order\":True,\"descr\":\">u2\"}", six));
      assertArrayEquals(new long[] {1, 3, 5, 2, 4, 6}, fortran.longs());
      assertEquals(Shape.of(2, 3), fortran.shape());
    }
    NpyArray cube =
        read(
            npy(
                1,
                "{'descr': '|i1', 'fortran_order': True, 'shape': (2, 1, 3)}",
                (byte) 1,
                (byte) 2,
                (byte) 3,
                (byte) 4,
                (byte) 5,
                (byte) 6));
    assertArrayEquals(new long[] {1, 3, 5, 2, 4, 6}, cube.longs());
  }

  @Test
  void valuesAreWidenedByType() throws IOException {
    NpyArray half =
        read(
            npy(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}", (byte) 0, (byte) 60));
    assertArrayEquals(new float[] {1f}, half.floats());
    assertThrows(DTypeException.class, half::longs);
    NpyArray u4 =
        read(
            npy(
                1,
                "{'descr': '<u4', 'fortran_order': False, 'shape': ()}",
                (byte) -1,
                (byte) -1,
                (byte) -1,
                (byte) -1));
    assertArrayEquals(new long[] {0xFFFFFFFFL}, u4.longs());
    assertThrows(DTypeException.class, u4::floats);
    String m = assertThrows(NotSupportedException.class, u4::spec).getMessage();
    assertTrue(m.contains("u4"), m);
  }

  @Test
  void npzMembersAreReadStoredAndDeflated() throws IOException {
    Path file = folder.resolve("a.npz");
    try (InputStream in = NpyTest.class.getResourceAsStream("arrays.npz")) {
      Files.copy(java.util.Objects.requireNonNull(in), file);
    }
    NpzFile npz = NpzFile.open(file);
    assertEquals(
        java.util.List.of("stored", "fortran", "deflated"), java.util.List.copyOf(npz.names()));
    assertArrayEquals(new float[] {0, 1, 2, 3, 4, 5}, npz.read("stored").floats());
    assertEquals(Shape.of(2, 3), npz.read("stored").shape());
    assertArrayEquals(new long[] {0, 1, 2, 3, 4, 5}, npz.read("fortran").longs());
    assertEquals(1000, npz.read("deflated").longs().length);
    assertEquals(999, npz.read("deflated").longs()[999]);
    assertThrows(FormatException.class, () -> npz.read("none"));
    npz.close();
    assertThrows(ScopeClosedException.class, () -> npz.read("stored"));
  }
}
