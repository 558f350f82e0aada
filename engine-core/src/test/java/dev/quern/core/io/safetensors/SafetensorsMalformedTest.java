package dev.quern.core.io.safetensors;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.Hostile;
import dev.quern.core.io.TensorInfo;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Damaged and hostile safetensors files: the length, the JSON, and what it says. */
class SafetensorsMalformedTest {
  private static final String SOUND =
      "{\"__metadata__\":{\"format\":\"pt\"},"
          + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
          + "\"b\\u00e4\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]},"
          + "\"c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]}}";
  private static final int DATA = 40;

  @TempDir Path folder;
  private Path path;
  private Hostile judge;

  @BeforeEach
  void setUp() {
    path = folder.resolve("hostile.safetensors");
    judge = new Hostile(path, SafetensorsMalformedTest::readAll);
  }

  private static void readAll(Path path) {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      for (TensorInfo t : file.tensors().values()) {
        if (t.knownDType() != null && t.byteSize() > 0) {
          MemorySegment s = file.storage(t.name()).segment();
          assertEquals(t.byteSize(), s.byteSize());
          s.get(ValueLayout.JAVA_BYTE, 0);
          s.get(ValueLayout.JAVA_BYTE, s.byteSize() - 1);
        }
      }
    }
  }

  private static byte[] file(String header) {
    return SafetensorsBytes.of(header, DATA).toBytes();
  }

  @Test
  void theSoundFileIsReadWithOrWithoutPadding() {
    judge.tolerated("sound", file(SOUND));
    judge.tolerated("padded", file(SOUND + "       "));
    judge.tolerated("white space", file(SOUND.replace(",", " ,\n\t\r ")));
    judge.tolerated("more fields", file(SOUND.replace("[]", "[],\"x\":[{\"y\":-1.5e+3},null]")));
    judge.tolerated("no tensors", SafetensorsBytes.of("{}", 0).toBytes());
    assertEquals(5, judge.harmless());
  }

  @Test
  void everyNumberWithEveryHostileValue() {
    String[] hostile = {
      "0",
      "1",
      "-1",
      "2",
      "23",
      "25",
      "41",
      "1e1",
      "1.0",
      "007",
      "+1",
      "0x10",
      "NaN",
      "Infinity",
      "null",
      "true",
      "\"3\"",
      "[3]",
      "{}",
      "",
      " ",
      "4294967296",
      "2305843009213693952",
      "4611686018427387904",
      "9223372036854775807",
      "9223372036854775808",
      "18446744073709551615",
      "18446744073709551616",
      "9".repeat(10_000)
    };
    Matcher number = Pattern.compile("(?<=[\\[,])\\d+(?=[\\],])").matcher(SOUND);
    int found = 0;
    while (number.find()) {
      found++;
      for (String value : hostile) {
        String header = SOUND.substring(0, number.start()) + value + SOUND.substring(number.end());
        if (value.equals(number.group())) {
          continue;
        }
        judge.refused("number " + found + " = " + value, file(header));
      }
    }
    assertEquals(9, found);
  }

  @Test
  void everyCharacterLeftOutDoubledOrReplaced() {
    for (int i = 0; i < SOUND.length(); i++) {
      String before = SOUND.substring(0, i);
      String after = SOUND.substring(i + 1);
      judge.tolerated("without character " + i, file(before + after));
      judge.tolerated(
          "doubled character " + i, file(before + SOUND.charAt(i) + SOUND.substring(i)));
      for (char c : "\"{}[]:,\\0 \0\u007f".toCharArray()) {
        judge.tolerated("character " + i + " is " + (int) c, file(before + c + after));
      }
    }
    assertTrue(judge.refused() > 1000, judge.refused() + " refused");
  }

  @Test
  void truncationAnywhere() {
    byte[] whole = file(SOUND);
    judge.truncations(whole, IntStream.range(0, whole.length).toArray());
    for (int length = 0; length < SOUND.length(); length++) {
      judge.refused("header of " + length, file(SOUND.substring(0, length)));
    }
  }

  @Test
  void bitFlips() {
    byte[] whole = file(SOUND);
    judge.bitFlips(whole, whole.length - DATA, 20240131);
    assertTrue(judge.refused() > 150, judge.refused() + " refused");
  }

  private static String tensor(String name, String dtype, String shape, long from, long to) {
    return "\""
        + name
        + "\":{\"dtype\":\""
        + dtype
        + "\",\"shape\":"
        + shape
        + ",\"data_offsets\":["
        + from
        + ","
        + to
        + "]}";
  }

  private static Map<String, byte[]> named() {
    Map<String, byte[]> m = new LinkedHashMap<>();
    byte[] text = SOUND.getBytes(UTF_8);
    for (long length :
        new long[] {
          0,
          1,
          text.length - 1,
          text.length + 1,
          text.length + DATA + 1,
          100_000_001L,
          1L << 32,
          1L << 62,
          Long.MAX_VALUE - 7,
          Long.MAX_VALUE,
          Long.MIN_VALUE,
          -1
        }) {
      m.put("header length " + length, new SafetensorsBytes(length, text, DATA).toBytes());
    }
    m.put("empty file", new byte[0]);
    m.put("seven bytes", new byte[7]);
    m.put("length alone", new byte[8]);
    for (String header :
        new String[] {
          " " + SOUND,
          "\ufeff" + SOUND,
          "[" + SOUND + "]",
          "[]",
          "null",
          "\"a\"",
          "1",
          SOUND + "x",
          SOUND + "{}",
          SOUND + "\0",
          SOUND.replace("{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]}", "null"),
          SOUND.replace("{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]}", "[]"),
          SOUND.replace("\"dtype\":\"F32\",", ""),
          SOUND.replace("\"shape\":[2,3],", ""),
          SOUND.replace(",\"data_offsets\":[0,24]", ""),
          SOUND.replace("\"dtype\":\"F32\"", "\"dtype\":\"F32\",\"dtype\":\"F32\""),
          SOUND.replace("\"shape\":[2,3]", "\"shape\":[2,3],\"shape\":[2,3]"),
          SOUND.replace("[0,24]", "[0,24],\"data_offsets\":[0,24]"),
          SOUND.replace("\"F32\"", "\"F33\""),
          SOUND.replace("\"F32\"", "\"f32\""),
          SOUND.replace("\"F32\"", "\"\""),
          SOUND.replace("\"F32\"", "32"),
          SOUND.replace("\"F32\"", "null"),
          SOUND.replace("\"F32\"", "\"F64\""),
          SOUND.replace("\"F32\"", "\"F4\""),
          SOUND.replace("\"a\":", "\"c\":"),
          SOUND.replace("\"a\":", "\"\\u0063\":"),
          SOUND.replace("\"a\":", "a:"),
          SOUND.replace("\"a\":", "'a':"),
          SOUND.replace("\"a\":", "\"a\u0001\":"),
          SOUND.replace("\"a\":", "\"a\\x\":"),
          SOUND.replace("\"a\":", "\"a\\u00g0\":"),
          SOUND.replace("\"a\":", "\"\\ud800\":"),
          SOUND.replace("\"a\":", "\"\\ud800\\n\":"),
          SOUND.replace("\"a\":", "\"\\ud800\\u0041\":"),
          SOUND.replace("\"a\":", "\"\\udc00\":"),
          SOUND.replace("\"pt\"", "1"),
          SOUND.replace("\"pt\"", "null"),
          SOUND.replace("\"pt\"", "[]"),
          SOUND.replace("{\"format\":\"pt\"}", "[]"),
          SOUND.replace("{\"format\":\"pt\"}", "null"),
          SOUND.replace("\"pt\"", "\"pt\",\"format\":\"x\""),
          SOUND.replace("\"a\":", "\"__metadata__\":{},\"a\":"),
          SOUND.replace("[2,3]", "[3,2,]"),
          SOUND.replace("[2,3]", "[,2,3]"),
          SOUND.replace("[2,3]", "[2 3]"),
          SOUND.replace("[2,3]", "[2,4]"),
          SOUND.replace("[2,3]", "[2,3,0]"),
          SOUND.replace("[2,3]", "[[2,3]]"),
          SOUND.replace("[2,3]", "6"),
          SOUND.replace("[2,3]", "[4294967296,4294967296]"),
          SOUND.replace("[2,3]", "[6,2305843009213693953]"),
          SOUND.replace("[2,3]", "[" + "1,".repeat(64) + "6]"),
          SOUND.replace("[2,3]", "[02,3]"),
          SOUND.replace("[0,24]", "[0,024]"),
          SOUND.replace("[0,24]", "[00,24]"),
          SOUND.replace("[0,24]", "[0]"),
          SOUND.replace("[0,24]", "[]"),
          SOUND.replace("[0,24]", "[0,24,24]"),
          SOUND.replace("[0,24]", "[24,0]"),
          SOUND.replace("[0,24]", "[4,28]"),
          SOUND.replace("[0,24]", "[16,40]"),
          SOUND.replace("[0,24]", "24"),
          SOUND.replace("[0,24]", "[17179869184,17179869208]"),
          SOUND.replace("[0,24]", "[9223372036854775783,9223372036854775807]"),
          SOUND.replace("[32,40]", "[24,32]"),
          SOUND.replace("[32,40]", "[28,36]"),
          SOUND.replace("[32,40]", "[40,48]"),
          SOUND.replace("[],", "[" + "[".repeat(100_000) + ","),
          SOUND.replace("[],", "[],\"x\":" + "[".repeat(33) + "]".repeat(33) + ","),
          SOUND.replace("[],", "[],\"x\":" + "{\"y\":".repeat(100_000) + ","),
          SOUND.replace("[],", "[],\"x\":tru,"),
          SOUND.replace("[],", "[],\"x\":-,"),
          SOUND.replace("[],", "[],\"x\":1.,"),
          SOUND.replace("[],", "[],\"x\":1e,"),
          SOUND.replace("[],", "[],\"x\":.5,"),
          SOUND.replace("[],", "[],\"x\":01,"),
          SOUND.replace("[],", "[],\"x\":NaN,"),
          SOUND.replace("[],", "[],/* x */"),
          "{" + tensor("a", "F32", "[5]", 0, 20) + "," + tensor("b", "F32", "[4]", 24, 40) + "}",
          "{" + tensor("a", "F32", "[6]", 0, 24) + "," + tensor("b", "F32", "[5]", 20, 40) + "}",
          "{" + tensor("a", "F32", "[5]", 0, 20) + "," + tensor("b", "F32", "[5]", 0, 20) + "}",
          "{" + tensor("a", "F32", "[9]", 0, 36) + "}",
          "{" + tensor("a", "F32", "[9]", 4, 40) + "}",
          "{" + tensor("a", "F32", "[11]", 0, 44) + "}",
          "{" + tensor("a", "F32", "[10]", 0, 40) + "," + tensor("e", "F32", "[0]", 8, 8) + "}",
          "{" + tensor("a", "F4", "[81]", 0, 40) + "}",
          "{" + tensor("a", "F6_E2M3", "[53]", 0, 40) + "}",
          "{" + tensor("a", "U64", "[4611686018427387904]", 0, 0) + "}",
          "{" + tensor("a", "U8", "[" + (1L << 60) + "]", 0, 0) + "}",
          "{}"
        }) {
      String label = header.length() > 300 ? header.substring(0, 300) + "..." : header;
      m.put(m.size() + ": " + label, file(header));
    }
    for (String bad :
        new String[] {"\u0080", "\u00c3", "\u00c0\u0080", "\u00ed\u00a0\u0080", "\u00ff"}) {
      byte[] latin = SOUND.replace("\"a\":", "\"" + bad + "\":").getBytes(ISO_8859_1);
      m.put(
          m.size() + ": name not UTF-8", new SafetensorsBytes(latin.length, latin, DATA).toBytes());
      latin = SOUND.replace("\"pt\"", "\"" + bad + "\"").getBytes(ISO_8859_1);
      m.put(
          m.size() + ": metadata not UTF-8",
          new SafetensorsBytes(latin.length, latin, DATA).toBytes());
    }
    byte[] longer = Arrays.copyOf(file(SOUND), file(SOUND).length + 1);
    m.put("a byte that belongs to no tensor", longer);
    return m;
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
  void hugeSparseFilesAreRefusedWithoutBeingRead() throws IOException {
    Map<String, SafetensorsBytes> huge = new LinkedHashMap<>();
    huge.put("a header of zeros", new SafetensorsBytes(99_999_999, new byte[0], 0));
    huge.put("a header of zeros after '{'", new SafetensorsBytes(99_999_999, new byte[] {'{'}, 0));
    huge.put("a header of 2^39", new SafetensorsBytes(1L << 39, new byte[] {'{'}, 0));
    huge.put("data without tensors", SafetensorsBytes.of("{}", 0));
    huge.put("data after the tensors", SafetensorsBytes.of(SOUND, DATA));
    for (Map.Entry<String, SafetensorsBytes> e : huge.entrySet()) {
      e.getValue().writeTo(path);
      try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
        file.setLength(1L << 40);
      }
      judge.refusedFile(e.getKey());
    }
  }
}
