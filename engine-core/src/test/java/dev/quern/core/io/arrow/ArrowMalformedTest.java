package dev.quern.core.io.arrow;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.quern.core.io.Hostile;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Null;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Struct_;
import org.apache.arrow.flatbuf.Type;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Damaged and hostile Arrow files: frames, flatbuffers, and what they say of the body. */
class ArrowMalformedTest {
  private static final int[] WORDS = {
    0, 1, 2, 7, 8, -1, -4, -8, 24, 255, 4096, 1 << 20, Integer.MAX_VALUE, Integer.MIN_VALUE
  };
  private static final long[] LONGS = {
    0, 1, -1, 7, 1L << 31, 1L << 32, 1L << 61, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - 63
  };

  @TempDir Path folder;
  private Path path;
  private Hostile judge;

  @BeforeEach
  void setUp() {
    path = folder.resolve("hostile.arrow");
    judge = new Hostile(path, Fixtures::readAll);
  }

  @Test
  void theSoundFilesAreRead() {
    String[] names = {"types.arrow", "types.arrows", "deltas.arrow", "deltas.arrows"};
    for (String name : names) {
      judge.tolerated(name, Fixtures.bytes(name));
    }
    assertEquals(names.length, judge.harmless());
  }

  @ParameterizedTest
  @ValueSource(strings = {"deltas.arrow", "tensors.arrow"})
  void everyTruncationOfAFile(String name) {
    byte[] whole = Fixtures.bytes(name);
    judge.truncations(whole, IntStream.range(0, whole.length).toArray());
  }

  @ParameterizedTest
  @ValueSource(strings = {"deltas.arrows", "legacy.arrows"})
  void everyTruncationOfAStream(String name) {
    byte[] whole = Fixtures.bytes(name);
    // A stream may end after any message: those ends alone are no damage.
    TreeSet<Integer> ends = messageEnds(whole);
    int[] within = IntStream.range(0, whole.length).filter(i -> !ends.contains(i)).toArray();
    judge.truncations(whole, within);
    int refused = judge.refused();
    for (int end : ends) {
      judge.tolerated("ends after a message at " + end, Arrays.copyOf(whole, end));
      try (ArrowFile file = ArrowFile.open(path)) {
        assertEquals(end == whole.length, file.isComplete());
      }
    }
    assertEquals(refused, judge.refused());
    assertTrue(ends.size() >= 3, ends.toString());
  }

  private static TreeSet<Integer> messageEnds(byte[] stream) {
    ByteBuffer b = ByteBuffer.wrap(stream).order(ByteOrder.LITTLE_ENDIAN);
    TreeSet<Integer> ends = new TreeSet<>();
    int at = 0;
    while (at < stream.length) {
      int prefix = b.getInt(at) == -1 ? 8 : 4;
      int length = b.getInt(at + prefix - 4);
      if (length == 0) {
        at += prefix;
      } else {
        b.position(at + prefix);
        long body = Message.getRootAsMessage(b).bodyLength();
        at += prefix + length + (int) body;
      }
      ends.add(at);
    }
    return ends;
  }

  @Test
  void truncationsOfManyTypes() {
    byte[] whole = Fixtures.bytes("types.arrow");
    judge.truncations(whole, IntStream.range(0, whole.length).filter(i -> i % 61 == 0).toArray());
  }

  @ParameterizedTest
  @ValueSource(strings = {"deltas.arrow", "deltas.arrows", "tensors.arrow", "legacy.arrows"})
  void bitFlips(String name) {
    byte[] whole = Fixtures.bytes(name);
    judge.bitFlips(whole, whole.length, 20260401);
    assertTrue(judge.refused() > whole.length / 10, judge.refused() + " refused");
  }

  @ParameterizedTest
  @ValueSource(strings = {"deltas.arrows", "tensors.arrow"})
  void everyWordWithEveryHostileValue(String name) {
    byte[] whole = Fixtures.bytes(name);
    for (int at = 0; at + 4 <= whole.length; at += 4) {
      for (int value : WORDS) {
        byte[] b = whole.clone();
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
        judge.tolerated("word at " + at + " = " + value, b);
      }
    }
    for (int at = 0; at + 8 <= whole.length; at += 8) {
      for (long value : LONGS) {
        byte[] b = whole.clone();
        ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).putLong(at, value);
        judge.tolerated("long at " + at + " = " + value, b);
      }
    }
    assertTrue(judge.refused() > whole.length, judge.refused() + " refused");
  }

  @ParameterizedTest
  @ValueSource(strings = {"types.arrow", "types.arrows"})
  void randomDamageToManyTypes(String name) {
    byte[] whole = Fixtures.bytes(name);
    Random random = new Random(20260402);
    for (int round = 0; round < 1500; round++) {
      byte[] b = whole.clone();
      ByteBuffer words = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i <= random.nextInt(3); i++) {
        int at = random.nextInt(b.length / 4 - 1) * 4;
        switch (random.nextInt(4)) {
          case 0 -> words.putInt(at, WORDS[random.nextInt(WORDS.length)]);
          case 1 -> words.putLong(at, LONGS[random.nextInt(LONGS.length)]);
          case 2 -> words.putInt(at, words.getInt(random.nextInt(b.length / 4) * 4));
          default -> b[at + random.nextInt(4)] ^= (byte) (1 << random.nextInt(8));
        }
      }
      judge.tolerated("round " + round, b);
    }
    assertTrue(judge.refused() > 200, judge.refused() + " refused");
  }

  private static byte[] with(byte[] whole, int at, byte[] change) {
    byte[] b = whole.clone();
    System.arraycopy(change, 0, b, at, change.length);
    return b;
  }

  private static byte[] little(int... words) {
    ByteBuffer b = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int w : words) {
      b.putInt(w);
    }
    return b.array();
  }

  private static byte[] concat(byte[] a, byte[] b) {
    return with(Arrays.copyOf(a, a.length + b.length), a.length, b);
  }

  @TestFactory
  Stream<DynamicTest> namedDamage() {
    byte[] file = Fixtures.bytes("tensors.arrow");
    byte[] stream = Fixtures.bytes("deltas.arrows");
    int tail = file.length - 10;
    Map<String, byte[]> m = new LinkedHashMap<>();
    m.put("nothing", new byte[0]);
    m.put("three bytes", new byte[3]);
    m.put("magic alone", "ARROW1".getBytes(StandardCharsets.US_ASCII));
    m.put("magic twice", "ARROW1\0\0ARROW1".getBytes(StandardCharsets.US_ASCII));
    m.put("text", "id,text\n1,hello\n".getBytes(StandardCharsets.US_ASCII));
    m.put("JSON", "{\"text\": \"hello\"}\n".getBytes(StandardCharsets.US_ASCII));
    m.put("an end alone", little(-1, 0));
    m.put("an old end alone", little(0));
    m.put("metadata of 2 GiB", little(-1, Integer.MAX_VALUE));
    m.put("metadata of -1", little(-1, -1));
    m.put("metadata of no vtable", little(-1, 8, 4, 0x7FFFFFF0));
    m.put("metadata that begins behind it", little(-1, 8, 100, 0));
    m.put("metadata that begins before it", little(-1, 8, -100, 0));
    for (int length : new int[] {0, 1, -1, tail, tail - 8 + 1, Integer.MAX_VALUE, 1 << 28}) {
      m.put("a footer of " + length, with(file, tail, little(length)));
    }
    m.put("no magic at the end", with(file, file.length - 1, new byte[] {'2'}));
    m.put("no schema at the beginning", with(file, 8, little(0, 0)));
    m.put("two streams", concat(stream, stream));
    m.put("a byte behind the end", concat(stream, new byte[1]));
    m.put(
        "no schema before the batches",
        Arrays.copyOfRange(stream, firstEnd(stream), stream.length));
    m.put("two schemas", concat(Arrays.copyOf(stream, firstEnd(stream)), stream));
    return m.entrySet().stream()
        .map(
            e ->
                DynamicTest.dynamicTest(e.getKey(), () -> judge.refused(e.getKey(), e.getValue())));
  }

  private static int firstEnd(byte[] stream) {
    return messageEnds(stream).first();
  }

  @Test
  void aBatchOfALateDictionaryIsRefusedWhenReadOnly() {
    byte[] stream = Fixtures.bytes("deltas.arrows");
    // Without its dictionaries every index is outside.
    var ends = messageEnds(stream).toArray(Integer[]::new);
    byte[] schema = Arrays.copyOf(stream, ends[0]);
    byte[] batch = Arrays.copyOfRange(stream, ends[1], ends[2]);
    judge.refused("no dictionary", concat(schema, batch));
  }

  @Test
  void sparseGigabytesCostNeitherTimeNorMemory() throws IOException {
    byte[] stream = Fixtures.bytes("legacy.arrows");
    try (RandomAccessFile f = new RandomAccessFile(path.toFile(), "rw")) {
      f.write(Arrays.copyOf(stream, stream.length - 4));
      f.setLength(3L << 30);
    }
    judge.refusedFile("zeros after the end");
    try (RandomAccessFile f = new RandomAccessFile(path.toFile(), "rw")) {
      f.write(little(-1, Integer.MAX_VALUE));
    }
    judge.refusedFile("metadata of 2 GiB that are there");
  }

  @Test
  void bigEndianIsRefusedByName() {
    byte[] b = bigEndian();
    var e =
        assertThrows(
            NotSupportedException.class, () -> ArrowFile.of("x", MemorySegment.ofArray(b)));
    assertTrue(e.getMessage().contains("big-endian"), e.getMessage());
  }

  /** A schema of no columns that says it is big-endian. */
  private static byte[] bigEndian() {
    FlatBufferBuilder b = new FlatBufferBuilder();
    int fields = Schema.createFieldsVector(b, new int[0]);
    return message(b, MessageHeader.Schema, Schema.createSchema(b, Endianness.Big, fields, 0, 0));
  }

  @Test
  void namesOfParentsDoNotMultiply() {
    int children = 2000;
    judge.tolerated("a long name", concat(struct(100_000, children, 0), rowOf(children)));
    assertEquals(1, judge.harmless());
  }

  @Test
  void metadataThatManyColumnsShareIsRefused() {
    judge.refused("shared metadata", struct(1, 200, 5000));
  }

  @Test
  void aSchemaThatTheFooterContradictsIsRefused() throws IOException {
    byte[] name = "aaaaaaaa".getBytes(StandardCharsets.US_ASCII);
    TensorSpec spec = TensorSpec.of(ScalarType.I32, 3);
    ArrowColumns columns = new ArrowColumns();
    columns.tensor("aaaaaaaa", spec, MemorySegment.ofArray(new int[3]));
    ArrowWriter.file().write(path, columns);
    byte[] whole = Files.readAllBytes(path);
    judge.tolerated("as it was written", whole);
    assertEquals(1, judge.harmless());
    int at = whole.length - name.length;
    while (!Arrays.equals(whole, at, at + name.length, name, 0, name.length)) {
      at--;
    }
    judge.refused("another name in the footer", with(whole, at, new byte[] {'b'}));
  }

  private static byte[] message(FlatBufferBuilder b, byte kind, int header) {
    b.finish(Message.createMessage(b, MetadataVersion.V5, kind, header, 0, 0));
    byte[] metadata = b.sizedByteArray();
    return concat(little(-1, metadata.length), metadata);
  }

  private static int[] repeated(int value, int times) {
    int[] values = new int[times];
    Arrays.fill(values, value);
    return values;
  }

  /** The schema of a struct whose children are one table, whose pairs are one table too. */
  private static byte[] struct(int nameLength, int children, int pairs) {
    FlatBufferBuilder b = new FlatBufferBuilder();
    int[] pair = repeated(KeyValue.createKeyValue(b, 0, 0), pairs);
    int metadata = pairs == 0 ? 0 : Field.createCustomMetadataVector(b, pair);
    Null.startNull(b);
    int none = Null.endNull(b);
    int leaves = Field.createChildrenVector(b, new int[0]);
    int child =
        Field.createField(b, b.createString(""), true, Type.Null, none, 0, leaves, metadata);
    int all = Field.createChildrenVector(b, repeated(child, children));
    Struct_.startStruct_(b);
    int type = Struct_.endStruct_(b);
    int name = b.createString("x".repeat(nameLength));
    int parent = Field.createField(b, name, true, Type.Struct_, type, 0, all, 0);
    int fields = Schema.createFieldsVector(b, new int[] {parent});
    return message(
        b, MessageHeader.Schema, Schema.createSchema(b, Endianness.Little, fields, 0, 0));
  }

  /** A batch of one row of such a struct. */
  private static byte[] rowOf(int children) {
    FlatBufferBuilder b = new FlatBufferBuilder();
    RecordBatch.startNodesVector(b, children + 1);
    for (int i = 0; i <= children; i++) {
      FieldNode.createFieldNode(b, 1, 0);
    }
    int nodes = b.endVector();
    RecordBatch.startBuffersVector(b, 1);
    Buffer.createBuffer(b, 0, 0);
    int buffers = b.endVector();
    return message(
        b, MessageHeader.RecordBatch, RecordBatch.createRecordBatch(b, 1, nodes, buffers, 0, 0));
  }
}
