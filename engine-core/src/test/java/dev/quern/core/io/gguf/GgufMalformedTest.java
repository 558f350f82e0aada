package dev.quern.core.io.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.Hostile;
import dev.quern.core.io.TensorInfo;
import dev.quern.core.type.FormatException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged and hostile GGUF files. The named ones include every class of the format's published
 * security advisories: overflow of the two counts, of a string's and an array's length, of the
 * product of the extents, of elements times size, of the sum of sizes and of its padding; too many
 * extents, zero and negative ones; alignment of zero, of no power of two, of another type; element
 * types that do not exist; tensors beyond the end of the file; empty and repeated keys and names.
 */
class GgufMalformedTest {
  private static final long[] HOSTILE = {
    0,
    1,
    2,
    7,
    8,
    12,
    13,
    255,
    65536,
    (1L << 24) + 1,
    1L << 31,
    (1L << 32) - 1,
    1L << 32,
    1L << 60,
    1L << 61,
    Long.MAX_VALUE - 7,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -32,
    -1
  };

  @TempDir Path folder;
  private Path path;
  private Hostile judge;

  @BeforeEach
  void setUp() {
    path = folder.resolve("hostile.gguf");
    judge = new Hostile(path, GgufMalformedTest::readAll);
  }

  /** Decodes all metadata and touches both ends of every tensor. */
  private static void readAll(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      file.metadata().asMap().values().forEach(GgufMalformedTest::decode);
      for (TensorInfo t : file.tensors().values()) {
        if (t.knownDType() != null) {
          MemorySegment s = file.storage(t.name()).segment();
          assertEquals(t.byteSize(), s.byteSize());
          s.get(ValueLayout.JAVA_BYTE, 0);
          s.get(ValueLayout.JAVA_BYTE, s.byteSize() - 1);
        }
      }
    }
  }

  private static void decode(GgufValue value) {
    if (value instanceof GgufValue.Array a) {
      a.values().forEach(GgufMalformedTest::decode);
    }
  }

  /** A sound file with a bit of everything. */
  private static GgufBytes sound() {
    return GgufBytes.header(3, 6)
        .pair("general.architecture", GgufType.STRING)
        .string("architecture", "llama")
        .pair("general.alignment", GgufType.UINT32)
        .u32("alignment", 32)
        .pair("flag", GgufType.BOOL)
        .u8("flag", 1)
        .pair("tokens", GgufType.ARRAY)
        .array("tokens", GgufType.STRING, 3)
        .string("token 0", "<s>")
        .string("token 1", "\u2581a")
        .string("token 2", "")
        .pair("scores", GgufType.ARRAY)
        .array("scores", GgufType.FLOAT32, 2)
        .u32("score 0", 0)
        .u32("score 1", 0x3F800000)
        .pair("nested", GgufType.ARRAY)
        .array("nested", GgufType.ARRAY, 1)
        .array("inner", GgufType.UINT8, 2)
        .u8("inner 0", 1)
        .u8("inner 1", 2)
        .tensor("a", 0, 0, 4, 2)
        .tensor("q", 2, 32, 32, 2)
        .tensor("h", 1, 96, 3)
        .pad(32)
        .raw("data of a", new byte[32])
        .raw("data of q", new byte[36])
        .raw("padding", new byte[28])
        .raw("data of h", new byte[6]);
  }

  @Test
  void theSoundFileIsRead() {
    judge.tolerated("sound", sound().toBytes());
    assertEquals(1, judge.harmless());
  }

  @Test
  void everyFieldWithEveryHostileValue() {
    byte[] whole = sound().toBytes();
    for (GgufBytes.Field field : sound().fields()) {
      int width = field.length();
      if ((width == 1 || width == 4 || width == 8) && !field.name().startsWith("data")) {
        for (long value : HOSTILE) {
          byte[] b = whole.clone();
          for (int i = 0; i < width; i++) {
            b[field.offset() + i] = (byte) (value >>> (8 * i));
          }
          judge.tolerated(field.name() + " = " + value, b);
        }
      }
    }
    assertTrue(judge.refused() > 500, judge.refused() + " refused");
  }

  @Test
  void truncationAnywhere() {
    byte[] whole = sound().toBytes();
    int[] lengths = new int[whole.length];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = i;
    }
    judge.truncations(whole, lengths);
    assertEquals(whole.length, judge.refused());
  }

  @Test
  void bitFlips() {
    byte[] whole = sound().toBytes();
    judge.bitFlips(whole, whole.length, 20240131);
    assertTrue(judge.refused() > 300, judge.refused() + " refused");
  }

  private static GgufBytes pair(String key, GgufType type) {
    return GgufBytes.header(0, 1).pair(key, type);
  }

  /** A file with one tensor and room for its data. */
  private static byte[] tensor(UnaryOperator<GgufBytes> description) {
    return description.apply(GgufBytes.header(1, 0)).pad(32).raw("data", new byte[256]).toBytes();
  }

  private static byte[] tensor(int type, long offset, long... ne) {
    return tensor(b -> b.tensor("t", type, offset, ne));
  }

  private static byte[] alignment(GgufType type, long value, int bytes) {
    GgufBytes b = GgufBytes.header(1, 1).pair("general.alignment", type);
    for (int i = 0; i < bytes; i++) {
      b.u8("alignment", (int) (value >>> (8 * i)));
    }
    return b.tensor("t", 0, 0, 4).pad(32).raw("data", new byte[256]).toBytes();
  }

  private static byte[] two(String first, long at, long firstNe, String second, long at2) {
    return GgufBytes.header(2, 0)
        .tensor(first, 0, at, firstNe)
        .tensor(second, 0, at2, 8)
        .pad(32)
        .raw("data", new byte[256])
        .toBytes();
  }

  private static Map<String, byte[]> named() {
    Map<String, byte[]> m = new LinkedHashMap<>();
    m.put("empty file", new byte[0]);
    m.put("another magic", new GgufBytes().raw("magic", "GGML".getBytes()).toBytes());
    m.put("magic backwards", new GgufBytes().raw("m", "FUGG".getBytes()).pad(64).toBytes());
    for (long version : new long[] {0, 1, 4, 3L << 24, 2L << 24, 0xFFFFFFFFL, 1L << 31}) {
      m.put(
          "version " + version,
          new GgufBytes()
              .raw("magic", "GGUF".getBytes())
              .u32("version", version)
              .u64("tensors", 0)
              .u64("pairs", 0)
              .toBytes());
    }
    for (long count :
        new long[] {1, 1L << 31, 1L << 32, 1L << 58, (1L << 60) + 1, Long.MAX_VALUE, -1}) {
      m.put("tensor count " + count, GgufBytes.header(count, 0).toBytes());
      m.put("pair count " + count, GgufBytes.header(0, count).toBytes());
      m.put(
          "key length " + count,
          GgufBytes.header(0, 1).u64("length", count).raw("x", new byte[24]).toBytes());
      m.put("string length " + count, pair("s", GgufType.STRING).u64("n", count).toBytes());
      m.put(
          "array of strings length " + count,
          pair("a", GgufType.ARRAY).array("a", GgufType.STRING, count).toBytes());
      m.put(
          "array of u64 length " + count,
          pair("a", GgufType.ARRAY).array("a", GgufType.UINT64, count).u32("x", 0).toBytes());
      m.put(
          "array of arrays length " + count,
          pair("a", GgufType.ARRAY).array("a", GgufType.ARRAY, count).u64("x", 0).toBytes());
      m.put(
          "string in array length " + count,
          pair("a", GgufType.ARRAY).array("a", GgufType.STRING, 1).u64("n", count).toBytes());
      m.put(
          "tensor name length " + count,
          tensor(b -> b.u64("name length", count == 1 ? 65536 : count).raw("x", new byte[24])));
    }
    // 2^61 strings of 8 bytes and more wrap around to nothing.
    m.put(
        "array of 2^61 strings",
        pair("a", GgufType.ARRAY).array("a", GgufType.STRING, 1L << 61).u64("x", 0).toBytes());
    for (long type : new long[] {13, 255, 1L << 31, 0xFFFFFFFFL}) {
      m.put(
          "value type " + type,
          GgufBytes.header(0, 1).string("k", "k").u32("t", type).u64("x", 0).toBytes());
      m.put(
          "element type of array " + type,
          pair("a", GgufType.ARRAY).u32("t", type).u64("n", 1).u64("x", 0).toBytes());
    }
    m.put("BOOL of 2", pair("b", GgufType.BOOL).u8("b", 2).pad(64).toBytes());
    m.put(
        "BOOL of 255 in array",
        pair("b", GgufType.ARRAY).array("b", GgufType.BOOL, 2).u8("b", 1).u8("b", 255).toBytes());
    m.put("empty key", pair("", GgufType.UINT8).u8("v", 0).pad(64).toBytes());
    m.put("key with NUL", pair("a\0b", GgufType.UINT8).u8("v", 0).pad(64).toBytes());
    m.put("key too long", pair("k".repeat(65536), GgufType.UINT8).u8("v", 0).pad(64).toBytes());
    m.put(
        "key twice",
        GgufBytes.header(0, 2)
            .pair("k", GgufType.UINT8)
            .u8("v", 0)
            .pair("k", GgufType.UINT8)
            .u8("v", 0)
            .toBytes());
    byte[][] notUtf8 = {
      {(byte) 0x80},
      {(byte) 0xC0, (byte) 0x80},
      {(byte) 0xC3},
      {(byte) 0xC3, 'x'},
      {(byte) 0xE0, (byte) 0x80, (byte) 0x80},
      {(byte) 0xED, (byte) 0xA0, (byte) 0x80},
      {(byte) 0xE2, (byte) 0x82},
      {(byte) 0xF0, (byte) 0x80, (byte) 0x80, (byte) 0x80},
      {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80},
      {(byte) 0xF8, (byte) 0x88, (byte) 0x80, (byte) 0x80, (byte) 0x80},
      {(byte) 0xFF},
      {(byte) 0xFE}
    };
    for (int i = 0; i < notUtf8.length; i++) {
      byte[] bad = notUtf8[i];
      m.put(
          "string not UTF-8, " + i,
          pair("s", GgufType.STRING).u64("n", bad.length).raw("s", bad).pad(64).toBytes());
      m.put(
          "key not UTF-8, " + i,
          GgufBytes.header(0, 1)
              .u64("n", bad.length)
              .raw("k", bad)
              .u32("type", 0)
              .u8("v", 0)
              .pad(64)
              .toBytes());
      m.put(
          "string in array not UTF-8, " + i,
          pair("a", GgufType.ARRAY)
              .array("a", GgufType.STRING, 2)
              .string("0", "fine")
              .u64("n", bad.length)
              .raw("1", bad)
              .pad(64)
              .toBytes());
      m.put(
          "tensor name not UTF-8, " + i,
          tensor(
              b ->
                  b.u64("n", bad.length)
                      .raw("name", bad)
                      .u32("rank", 1)
                      .u64("ne", 4)
                      .u32("type", 0)
                      .u64("offset", 0)));
    }
    GgufBytes deep = pair("a", GgufType.ARRAY);
    for (int i = 0; i < 1000; i++) {
      deep.array("a", GgufType.ARRAY, 1);
    }
    m.put("arrays 1000 deep", deep.array("a", GgufType.UINT8, 0).toBytes());
    named(m, "alignment");
    for (long rank : new long[] {5, 64, 1L << 31, 0xFFFFFFFFL}) {
      m.put(
          "dimension count " + rank,
          tensor(b -> b.string("t", "t").u32("rank", rank).raw("x", new byte[64])));
    }
    for (long ne : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 62, 65}) {
      m.put("extent " + ne, tensor(0, 0, ne));
      m.put("second extent " + ne, tensor(0, 0, 1, ne));
      m.put("fourth extent " + ne, tensor(0, 0, 1, 1, 1, ne));
    }
    m.put("product 2^64", tensor(0, 0, 1L << 32, 1L << 32));
    m.put("product 2^64 + 4", tensor(0, 0, 4, (1L << 62) + 1));
    m.put("product 2^63", tensor(0, 0, 1L << 21, 1L << 21, 1L << 21));
    m.put("size wraps to -16", tensor(0, 0, 4, (1L << 30) - 1, (1L << 30) + 1));
    m.put("elements times size wraps", tensor(28, 0, 1L << 61));
    m.put("padded size wraps to 0", tensor(0, 0, Long.MAX_VALUE / 4));
    m.put("half a block", tensor(2, 0, 16));
    m.put("a block and a half", tensor(8, 0, 48, 2));
    m.put("half a super-block", tensor(12, 0, 128));
    m.put("scalar of a block type", tensor(12, 0));
    for (long type : new long[] {1024, 1L << 31, 0xFFFFFFFFL}) {
      m.put(
          "element type " + type,
          tensor(
              b ->
                  b.string("t", "t")
                      .u32("rank", 1)
                      .u64("ne", 4)
                      .u32("type", type)
                      .u64("offset", 0)));
    }
    for (long offset :
        new long[] {1, 16, 33, 256, 1L << 32, 1L << 62, Long.MAX_VALUE - 31, -32, Long.MIN_VALUE}) {
      m.put("offset " + offset, tensor(0, offset, 4));
    }
    m.put("offset of an unknown type outside", tensor(77, 256, 4));
    m.put("data partly outside", tensor(0, 224, 9));
    m.put("name twice", two("t", 0, 8, "t", 32));
    m.put("empty name", two("", 0, 8, "t", 32));
    m.put("name with NUL", two("t\0x", 0, 8, "t", 32));
    m.put("same data twice", two("a", 0, 8, "b", 0));
    m.put("overlapping data", two("a", 0, 16, "b", 32));
    m.put("overlapping data, the later one first", two("b", 32, 8, "a", 32));
    m.put(
        "an unknown type inside another tensor",
        GgufBytes.header(2, 0)
            .tensor("a", 0, 0, 16)
            .tensor("b", 77, 32, 4)
            .pad(32)
            .raw("data", new byte[256])
            .toBytes());
    m.put(
        "sum of sizes wraps",
        GgufBytes.header(2, 0)
            .tensor("a", 24, 0, Long.MAX_VALUE - 31)
            .tensor("b", 24, Long.MAX_VALUE - 31, 64)
            .pad(32)
            .raw("data", new byte[256])
            .toBytes());
    return m;
  }

  private static void named(Map<String, byte[]> m, String what) {
    for (long value : new long[] {0, 1, 2, 4, 3, 12, 24, 33, (1L << 31) + 1, 1L << 31, -1}) {
      m.put(what + " " + value, alignment(GgufType.UINT32, value, 4));
    }
    m.put(what + " of INT32", alignment(GgufType.INT32, 32, 4));
    m.put(what + " of UINT64", alignment(GgufType.UINT64, 32, 8));
    m.put(what + " of FLOAT32", alignment(GgufType.FLOAT32, 32, 4));
    m.put(what + " of BOOL", alignment(GgufType.BOOL, 1, 1));
    m.put(what + " of STRING", alignment(GgufType.STRING, 0, 8));
    m.put(
        what + " of ARRAY",
        pair("general.alignment", GgufType.ARRAY)
            .array("a", GgufType.UINT32, 1)
            .u32("v", 32)
            .toBytes());
  }

  @TestFactory
  Stream<DynamicTest> namedVariantsAreRefused() {
    Map<String, byte[]> named = named();
    assertTrue(named.size() >= 100, named.size() + " variants");
    return named.entrySet().stream()
        .map(
            e ->
                DynamicTest.dynamicTest(e.getKey(), () -> judge.refused(e.getKey(), e.getValue())));
  }

  @Test
  void messagesNameFileOffsetAndField() throws IOException {
    Map<String, byte[]> m = new LinkedHashMap<>();
    m.put("offset 0, magic", new GgufBytes().raw("magic", "GGML".getBytes()).toBytes());
    m.put("offset 4, version", new GgufBytes().raw("m", "GGUF".getBytes()).u32("v", 1).toBytes());
    m.put("offset 8, tensor count", GgufBytes.header(1, 0).toBytes());
    m.put("offset 16, metadata pair count", GgufBytes.header(0, 1).toBytes());
    m.put(
        "offset 37, metadata key 's' length",
        pair("s", GgufType.STRING).u64("n", 1 << 20).toBytes());
    m.put(
        "offset 41, metadata key 'a' array length",
        pair("a", GgufType.ARRAY).array("a", GgufType.STRING, 2).u64("x", 0).toBytes());
    m.put("offset 37, tensor 't' dimension 0", tensor(0, 0, 0));
    m.put("offset 49, tensor 't' offset", tensor(0, 16, 4));
    for (Map.Entry<String, byte[]> e : m.entrySet()) {
      Files.write(path, e.getValue());
      String message = assertThrows(FormatException.class, () -> GgufFile.open(path)).getMessage();
      assertTrue(message.startsWith("[gguf] " + path + ": at " + e.getKey() + ": "), message);
    }
  }

  @Test
  void manyArraysOfManyStringsAreRefusedTogether() throws IOException {
    int count = 1 << 23;
    GgufBytes.header(0, 3).writeTo(path);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(24);
      for (int i = 0; i < 3; i++) {
        GgufBytes array = new GgufBytes().pair("key" + i, GgufType.ARRAY);
        file.write(array.array("a", GgufType.STRING, count).toBytes());
        file.seek(file.getFilePointer() + 8L * count);
      }
      file.setLength(file.getFilePointer());
    }
    judge.refusedFile("three times 2^23 empty strings");
  }

  @Test
  void hugeSparseFilesAreRefusedWithoutBeingRead() throws IOException {
    long size = 1L << 40;
    Map<String, GgufBytes> huge = new LinkedHashMap<>();
    huge.put("2^36 empty strings", pair("a", GgufType.ARRAY).array("a", GgufType.STRING, 1L << 36));
    huge.put(
        "2^24 empty strings, twice",
        GgufBytes.header(0, 2).pair("a", GgufType.ARRAY).array("a", GgufType.STRING, 1 << 24));
    huge.put("2^35 empty arrays", pair("a", GgufType.ARRAY).array("a", GgufType.ARRAY, 1L << 35));
    huge.put("2^39 booleans", pair("a", GgufType.ARRAY).array("a", GgufType.BOOL, 1L << 39));
    huge.put("2^39 bytes", pair("a", GgufType.ARRAY).array("a", GgufType.UINT8, 1L << 39));
    huge.put("a text of 2^39", pair("a", GgufType.STRING).u64("n", 1L << 39));
    huge.put(
        "a text of 2^30 in an array",
        pair("a", GgufType.ARRAY).array("a", GgufType.STRING, 1).u64("n", 1L << 30));
    huge.put("a key of 2^39", GgufBytes.header(0, 1).u64("n", 1L << 39));
    huge.put("2^35 pairs", GgufBytes.header(0, 1L << 35));
    huge.put("2^34 tensors", GgufBytes.header(1L << 34, 0));
    for (Map.Entry<String, GgufBytes> e : huge.entrySet()) {
      e.getValue().writeTo(path);
      try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
        file.setLength(size);
      }
      judge.refusedFile(e.getKey());
    }
  }
}
