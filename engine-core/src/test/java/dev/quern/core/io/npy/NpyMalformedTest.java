package dev.quern.core.io.npy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.Hostile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Damaged and hostile npy files and npz archives. */
class NpyMalformedTest {
  private static final String SOUND =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";

  @TempDir Path folder;
  private Hostile npy;
  private Hostile npz;

  @BeforeEach
  void setUp() {
    npy = new Hostile(folder.resolve("hostile.npy"), NpyFile::read);
    npz =
        new Hostile(
            folder.resolve("hostile.npz"),
            path -> {
              try (NpzFile file = NpzFile.open(path)) {
                file.names().forEach(file::read);
              }
            });
  }

  private static byte[] sound() {
    return NpyTest.npy(1, SOUND, new byte[24]);
  }

  private static byte[] with(String what, String instead) {
    assertTrue(SOUND.contains(what), what);
    return NpyTest.npy(1, SOUND.replace(what, instead), new byte[24]);
  }

  @Test
  void theSoundFileIsRead() {
    npy.tolerated("sound", sound());
    assertEquals(1, npy.harmless());
  }

  @Test
  void truncationAnywhere() {
    for (int version = 1; version <= 3; version++) {
      byte[] whole = NpyTest.npy(version, SOUND, new byte[24]);
      npy.truncations(whole, IntStream.range(0, whole.length).toArray());
    }
  }

  @Test
  void bitFlips() {
    byte[] whole = sound();
    npy.bitFlips(whole, whole.length - 24, 20240131);
    assertTrue(npy.refused() > 100, npy.refused() + " refused");
  }

  @Test
  void everyCharacterLeftOutOrReplaced() {
    for (int i = 0; i < SOUND.length(); i++) {
      String before = SOUND.substring(0, i);
      String after = SOUND.substring(i + 1);
      npy.tolerated("without " + i, NpyTest.npy(1, before + after, new byte[24]));
      for (char c : "'\"{}()[]:,\\0 \0O\u00e4".toCharArray()) {
        npy.tolerated(i + " is " + (int) c, NpyTest.npy(1, before + c + after, new byte[24]));
      }
    }
    assertTrue(npy.refused() > 500, npy.refused() + " refused");
  }

  private static Map<String, byte[]> named() {
    Map<String, byte[]> m = new LinkedHashMap<>();
    m.put("empty file", new byte[0]);
    for (int at = 0; at < 6; at++) {
      byte[] b = sound();
      b[at]++;
      m.put("magic " + at, b);
    }
    for (int version : new int[] {0, 4, 255}) {
      m.put("version " + version, NpyTest.npy(version, SOUND, new byte[24]));
    }
    byte[] minor = sound();
    minor[7] = 1;
    m.put("version 1.1", minor);
    for (int length : new int[] {0, 1, SOUND.length() - 2, SOUND.length() + 1, 65535}) {
      byte[] b = sound();
      b[8] = (byte) length;
      b[9] = (byte) (length >> 8);
      m.put("header length " + length, b);
    }
    for (int top : new int[] {1, 0x7F, 0x80, 0xFF}) {
      byte[] b = NpyTest.npy(2, SOUND, new byte[24]);
      b[11] = (byte) top;
      m.put("header length of version 2, top byte " + top, b);
    }
    for (String dims :
        new String[] {
          "(2, 4)",
          "(2, 2)",
          "(2, -3)",
          "(-2, -3)",
          "(0, 3)",
          "(2, 3, 0)",
          "()",
          "(6)",
          "6",
          "[2, 3]",
          "(2 3)",
          "(,2, 3)",
          "(2,, 3)",
          "(2, 3,,)",
          "(2, 3",
          "2, 3)",
          "(2L, 3L)",
          "(2.0, 3)",
          "(2e0, 3)",
          "(+2, 3)",
          "(02, 3)",
          "(0x2, 3)",
          "('2', 3)",
          "(None, 3)",
          "((2, 3))",
          "(2, (3,))",
          "(4294967296, 4294967296)",
          "(6, 3074457345618258603)",
          "(9223372036854775807,)",
          "(9223372036854775808,)",
          "(18446744073709551615,)",
          "(" + "9".repeat(5000) + ",)",
          "(" + "1, ".repeat(64) + "6)",
          "(" + "(".repeat(30000),
          "(2, 3); import os"
        }) {
      m.put("shape " + dims.substring(0, Math.min(60, dims.length())), with("(2, 3)", dims));
    }
    for (String descr :
        new String[] {
          "'O'",
          "'|O'",
          "'<O8'",
          "'f4'",
          "'|f4'",
          "''",
          "'<'",
          "'<f'.lower()",
          "'<<f4'",
          "'<f4 '",
          "'f4<'",
          "'<f99999999999'",
          "'<f4",
          "<f4",
          "4",
          "None",
          "True",
          "'\\x3cf4'",
          "\"<f4'",
          "'<f2'",
          "'<f8'",
          "'|u1'"
        }) {
      m.put("descr " + descr, with("'<f4'", descr));
    }
    for (String order : new String[] {"false", "0", "1", "None", "'False'", "", "Falsetrue", "F"}) {
      m.put("fortran_order " + order, with("False", order));
    }
    m.put("no descr", with("'descr': '<f4', ", ""));
    m.put("no order", with("'fortran_order': False, ", ""));
    m.put("no shape", with("'shape': (2, 3), ", ""));
    m.put("an unknown key", with("'shape'", "'x': 1, 'shape'"));
    m.put("descr twice", with("'shape'", "'descr': '<f4', 'shape'"));
    m.put("shape twice", with("'shape'", "'shape': (2, 3), 'shape'"));
    m.put("a key that is no string", with("'shape'", "shape"));
    m.put("a key with an escape", with("'shape'", "'sh\\x61pe'"));
    m.put("no comma", with(", 'shape'", " 'shape'"));
    m.put("two commas", with(", 'shape'", ",, 'shape'"));
    m.put("no colon", with("'shape':", "'shape'"));
    m.put("no brace", with("}", ""));
    m.put("a list", with("{", "["));
    m.put("two dictionaries", with("}", "}{}"));
    m.put("text after it", with("}", "} x"));
    m.put("NUL after it", with("}", "}\0"));
    m.put("empty dictionary", NpyTest.npy(1, "{}", new byte[24]));
    m.put("nothing", NpyTest.npy(1, "", new byte[24]));
    m.put("a byte too many", Arrays.copyOf(sound(), sound().length + 1));
    m.put("a byte too few", Arrays.copyOf(sound(), sound().length - 1));
    byte[] text = sound();
    text[12] = (byte) 0xFF;
    m.put("header not UTF-8", text);
    return m;
  }

  @TestFactory
  Stream<DynamicTest> namedVariantsAreRefused() {
    Map<String, byte[]> named = named();
    assertTrue(named.size() >= 90, named.size() + " variants");
    return named.entrySet().stream()
        .map(e -> DynamicTest.dynamicTest(e.getKey(), () -> npy.refused(e.getKey(), e.getValue())));
  }

  @Test
  void hugeSparseFilesAreRefusedWithoutBeingRead() throws IOException {
    for (byte[] start : new byte[][] {new byte[0], sound(), NpyTest.npy(2, "", new byte[0])}) {
      Path path = Files.write(folder.resolve("hostile.npy"), start);
      try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
        file.setLength(1L << 40);
      }
      npy.refusedFile("1 TiB after " + start.length + " bytes");
    }
  }

  private static byte[] archive() throws IOException {
    try (InputStream in = NpyTest.class.getResourceAsStream("arrays.npz")) {
      return Objects.requireNonNull(in).readAllBytes();
    }
  }

  @Test
  void damagedArchives() throws IOException {
    byte[] whole = archive();
    npz.tolerated("sound", whole);
    assertEquals(1, npz.harmless());
    int[] lengths = IntStream.range(0, whole.length / 7).map(i -> 7 * i).toArray();
    npz.truncations(whole, lengths);
    npz.bitFlips(whole, whole.length, 20240131);
    assertTrue(npz.refused() > 1000, npz.refused() + " refused");
  }

  @Test
  void aDamagedElementIsNoticedByItsChecksum() throws IOException {
    byte[] whole = archive();
    int at = 0;
    // 5f, the last element of the stored member.
    while (whole[at + 2] != (byte) 0xA0 || whole[at + 3] != 0x40) {
      at++;
    }
    whole[at] ^= 1;
    npz.refused("one bit of a stored element", whole);
  }

  private static byte[] zip(Map<String, byte[]> members) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> e : members.entrySet()) {
        zip.putNextEntry(new ZipEntry(e.getKey()));
        zip.write(e.getValue());
      }
    }
    return out.toByteArray();
  }

  @Test
  void hostileMembers() throws IOException {
    npz.refused("no zip", sound());
    npz.refused("a member that is no npy", zip(Map.of("a.npy", new byte[100])));
    npz.refused("an empty member", zip(Map.of("a.npy", new byte[0])));
    npz.refused("one name twice", zip(Map.of("a.npy", sound(), "a", sound())));
    npz.refused(
        "objects", zip(Map.of("a.npy", NpyTest.npy(1, SOUND.replace("<f4", "|O"), new byte[24]))));
    npz.refused(
        "a shape larger than the member",
        zip(Map.of("a.npy", NpyTest.npy(1, SOUND.replace("3", "3000000000"), new byte[24]))));
    npz.refused("bytes after the array", zip(Map.of("a.npy", Arrays.copyOf(sound(), 2000))));
    npz.refused("a folder", zip(Map.of("a/", new byte[0])));
  }
}
