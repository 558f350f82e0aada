package dev.quern.core.io.arrow.vector;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.io.arrow.ArrowBatch;
import dev.quern.core.io.arrow.ArrowFile;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.impl.UnionListWriter;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.junit.jupiter.api.Test;

/** Vectors of arrow-vector become Quern's columns and the reverse. */
class ArrowVectorsTest {

  private static Path fixture(String name) {
    try {
      return Path.of(Objects.requireNonNull(ArrowFile.class.getResource(name), name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static VarCharVector texts(String name, BufferAllocator allocator, String... rows) {
    VarCharVector v = new VarCharVector(name, allocator);
    v.allocateNew();
    for (int i = 0; i < rows.length; i++) {
      if (rows[i] != null) {
        v.setSafe(i, rows[i].getBytes(UTF_8));
      }
    }
    v.setValueCount(rows.length);
    return v;
  }

  @Test
  void vectorsAreReadWithNullsListsAndDictionaries() {
    try (BufferAllocator allocator = ArrowVectors.allocator();
        IntVector numbers = new IntVector("n", allocator);
        Float4Vector floats = new Float4Vector("f", allocator);
        ListVector lists = ListVector.empty("tokens", allocator);
        VarCharVector words = texts("word", allocator, "x", "y", null, "x");
        VarCharVector values = texts("values", allocator, "x", "y")) {
      numbers.allocateNew(4);
      floats.allocateNew(4);
      UnionListWriter writer = lists.getWriter();
      for (int r = 0; r < 4; r++) {
        floats.set(r, r + 0.5f);
        if (r == 2) {
          numbers.setNull(r);
        } else {
          numbers.set(r, -r);
        }
        writer.setPosition(r);
        writer.startList();
        for (int i = 0; i < r; i++) {
          writer.integer().writeInt(10 * r + i);
        }
        writer.endList();
      }
      numbers.setValueCount(4);
      floats.setValueCount(4);
      lists.setValueCount(4);
      Dictionary dictionary = new Dictionary(values, new DictionaryEncoding(7, false, null));
      DictionaryProvider dictionaries = new DictionaryProvider.MapDictionaryProvider(dictionary);
      try (var encoded = DictionaryEncoder.encode(words, dictionary);
          VectorSchemaRoot root =
              VectorSchemaRoot.of(numbers, floats, lists, (FieldVector) encoded);
          ArrowFile file = ArrowVectors.read("vectors", root, dictionaries)) {
        ArrowBatch batch = file.batch(0);
        assertEquals(4, batch.rows());
        assertTrue(batch.numbers("n").isNull(2));
        assertEquals(-3, batch.numbers("n").longAt(3));
        assertEquals(TensorSpec.of(ScalarType.F32, 4), batch.storage("f").spec());
        assertArrayEquals(new int[] {30, 31, 32}, batch.lists("tokens").ints(3));
        assertEquals("y", batch.texts("word").text(1));
        assertNull(batch.texts("word").text(2));
        assertEquals("x", batch.texts("word").text(3));
      }
    }
  }

  @Test
  void batchesBecomeVectors() {
    try (BufferAllocator allocator = ArrowVectors.allocator();
        ArrowFile file = ArrowFile.open(fixture("types.arrow"))) {
      LoadedVectors vectors = ArrowVectors.load(file, 2, allocator);
      VectorSchemaRoot root = vectors.root();
      assertEquals(7, root.getRowCount());
      for (int r = 5; r < 12; r++) {
        int at = r - 5;
        boolean gone = r % 4 == 1;
        assertEquals(gone ? null : r + Long.MIN_VALUE, root.getVector("i64").getObject(at));
        assertEquals("large " + r, root.getVector("large_text").getObject(at).toString());
        assertEquals(r / 8f - 1, root.getVector("f32").getObject(at));
        Object tokens = root.getVector("tokens").getObject(at);
        assertEquals(gone ? null : IntStream.range(0, r).boxed().toList(), tokens);
        var label = root.getVector("label");
        long id = label.getField().getDictionary().getId();
        Object index = label.getObject(at);
        assertEquals(gone, index == null);
        if (!gone) {
          var words = vectors.dictionaries().lookup(id).getVector();
          assertEquals(
              List.of("cat", "dog", "emu").get(r % 3),
              words.getObject(((Number) index).intValue()).toString());
        }
      }
      vectors.close();
      assertEquals(0, allocator.getAllocatedMemory());
      assertThrows(IndexException.class, () -> ArrowVectors.load(file, 3, allocator));
      assertThrows(
          NotSupportedException.class,
          () -> {
            try (ArrowFile packed = ArrowFile.open(fixture("zstd.arrow"))) {
              ArrowVectors.load(packed, 0, allocator);
            }
          });
      assertEquals(0, allocator.getAllocatedMemory());
    }
  }

  @Test
  void thereAndBackAgain() {
    try (BufferAllocator allocator = ArrowVectors.allocator();
        ArrowFile file = ArrowFile.open(fixture("deltas.arrows"))) {
      for (int b = 0; b < file.batches(); b++) {
        try (LoadedVectors vectors = ArrowVectors.load(file, b, allocator);
            ArrowFile back = ArrowVectors.read("back", vectors.root(), vectors.dictionaries())) {
          var wanted = file.batch(b).texts("word");
          var found = back.batch(0).texts("word");
          for (long r = 0; r < wanted.length(); r++) {
            assertEquals(wanted.text(r), found.text(r), "batch " + b + ", row " + r);
          }
        }
      }
    }
  }

  @Test
  void whatIsMissingIsNamedWithItsRemedy() {
    var library =
        assertThrows(
            NotSupportedException.class,
            () -> VectorLibrary.memoryModule(new ClassLoader(null) {}));
    assertTrue(library.getMessage().contains("org.apache.arrow:arrow-vector"));
    Module other = ModuleLayer.boot().findModule("java.logging").orElseThrow();
    var flag = assertThrows(NotSupportedException.class, () -> VectorLibrary.checkOpen(other));
    assertTrue(
        flag.getMessage().contains("--add-opens=java.base/java.nio=java.logging"),
        flag.getMessage());
    VectorLibrary.check();
  }
}
