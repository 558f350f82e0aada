package dev.quern.transformer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.ShapeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BatchesTest {
  private static final int I = Batch.IGNORE;

  private static TokenSequence counting(int size) {
    return TokenSequence.of(IntStream.range(0, size).toArray());
  }

  @Test
  void randomWindowsLieAnywhereAndLabelsFollow() {
    RandomWindows windows = new RandomWindows(counting(20), 4, 3, 5);
    TreeMap<Integer, Integer> starts = new TreeMap<>();
    for (long n = 0; n < 1600; n++) {
      Batch batch = windows.get(n);
      for (int r = 0; r < 3; r++) {
        int[] ids = batch.field(Batch.INPUT_IDS).row(r);
        int[] labels = batch.field(Batch.LABELS).row(r);
        for (int i = 0; i < 4; i++) {
          assertEquals(ids[0] + i, ids[i]);
          assertEquals(ids[i] + 1, labels[i]);
        }
        starts.merge(ids[0], 1, Integer::sum);
      }
    }
    assertEquals(16, starts.size());
    assertEquals(0, starts.firstKey());
    assertEquals(15, starts.lastKey());
    starts.forEach((s, count) -> assertEquals(300, count, 85, "start " + s));
    assertEquals(windows.get(1L << 40), windows.get(1L << 40));
    assertThrows(DataException.class, () -> new RandomWindows(counting(4), 4, 1, 0));
    assertEquals(1, new RandomWindows(counting(5), 4, 1, 0).get(0).field(Batch.LABELS).at(0, 0));
  }

  @Test
  void orderedWindowsLabelEachTokenOnce() {
    for (int size : new int[] {2, 3, 8, 9, 10, 16, 17, 18, 33, 100}) {
      OrderedWindows windows = new OrderedWindows(counting(size), 8, 2);
      List<Integer> labels = new ArrayList<>();
      for (long n = 0; n < windows.size(); n++) {
        IntMatrix ids = windows.get(n).field(Batch.INPUT_IDS);
        IntMatrix matrix = windows.get(n).field(Batch.LABELS);
        assertEquals(2, matrix.rows());
        assertEquals(8, matrix.columns());
        for (int i = 0; i < 16; i++) {
          int label = matrix.values()[i];
          if (label != I) {
            labels.add(label);
            assertEquals(label - 1, ids.values()[i]);
          }
        }
      }
      assertEquals(IntStream.range(1, size).boxed().toList(), labels, "size " + size);
    }
  }

  @Test
  void paddingFillsUp() {
    List<Sample> samples =
        List.of(
            Sample.ofTokens(new int[] {1, 2, 3}, new int[] {2, 3, 4}),
            Sample.ofTokens(new int[] {5}, new int[] {6}));
    Batch batch = new Padding(9, 4, 100).collate(samples);
    assertEquals(
        new IntMatrix(new int[] {1, 2, 3, 9, 5, 9, 9, 9}, 2, 4), batch.field(Batch.INPUT_IDS));
    assertEquals(
        new IntMatrix(new int[] {1, 1, 1, 0, 1, 0, 0, 0}, 2, 4), batch.field(Batch.ATTENTION_MASK));
    assertEquals(
        new IntMatrix(new int[] {2, 3, 4, I, 6, I, I, I}, 2, 4), batch.field(Batch.LABELS));
    assertEquals(4, batch.labelCount());
    assertEquals(4, batch.tokenCount());
    Batch cut = new Padding(9, 4, 2).collate(samples);
    assertEquals(new IntMatrix(new int[] {1, 2, 5, 9}, 2, 2), cut.field(Batch.INPUT_IDS));
    Batch whole = new Padding(0).collate(List.of(Sample.ofSequence(new int[] {7, 8}, 3)));
    assertEquals(new IntMatrix(new int[] {3}, 1, 1), whole.field(Batch.LABELS));
    assertEquals(2, new Batch(Map.of(Batch.INPUT_IDS, whole.field(Batch.INPUT_IDS))).tokenCount());
    assertThrows(DataException.class, () -> whole.field("label"));
    assertThrows(
        DataException.class,
        () -> new Padding(0).collate(List.of(samples.get(0), Sample.ofSequence(new int[] {1}, 0))));
    assertThrows(ShapeException.class, () -> Sample.ofTokens(new int[2], new int[1]));
    assertThrows(ShapeException.class, () -> new IntMatrix(new int[3], 2, 2));
  }

  @Test
  void packingLosesNothing() {
    Random random = new Random(4);
    for (int round = 0; round < 30; round++) {
      int window = 1 + random.nextInt(40);
      List<Sample> samples = new ArrayList<>();
      int tokens = 0;
      for (int i = random.nextInt(60); i >= 0; i--) {
        int[] ids = random.ints(random.nextInt(window + 1), 1, 1000).toArray();
        tokens += ids.length;
        samples.add(Sample.ofTokens(ids, ids));
      }
      Packing packing = new Packing(window, 0);
      Dataset<List<Sample>> rows = packing.rows(Dataset.of(samples));
      Batch batch = packing.collate(ExampleSource.drain(rows.inOrder().open(0)));
      assertEquals(tokens, batch.labelCount());
      assertEquals(tokens, batch.tokenCount());
      assertEquals(batch, packing.collate(ExampleSource.drain(rows.inOrder().open(0))));
      long seen = 0;
      for (long r = 0; r < rows.size(); r++) {
        seen += rows.get(r).size();
      }
      assertEquals(samples.size(), seen);
      // Best fit leaves at most one row half empty or emptier.
      assertTrue(rows.size() <= 2.0 * tokens / window + 1, rows.size() + " rows");
    }
  }

  @Test
  void packedSamplesAreToldApart() {
    Packing packing = new Packing(5, 7);
    Sample two = Sample.ofTokens(new int[] {1, 2}, new int[] {2, 3});
    Sample three = Sample.ofTokens(new int[] {4, 5, 6}, new int[] {5, 6, 8});
    Dataset<List<Sample>> rows = packing.rows(Dataset.of(List.of(two, three, two)));
    assertEquals(List.of(two, three), rows.get(0));
    Batch batch = packing.collate(List.of(rows.get(0), rows.get(1)));
    assertArrayEquals(new int[] {1, 1, 2, 2, 2}, batch.field(Batch.SEGMENT_IDS).row(0));
    assertArrayEquals(new int[] {0, 1, 0, 1, 2}, batch.field(Batch.POSITION_IDS).row(0));
    assertArrayEquals(new int[] {1, 2, 7, 7, 7}, batch.field(Batch.INPUT_IDS).row(1));
    assertArrayEquals(new int[] {2, 3, I, I, I}, batch.field(Batch.LABELS).row(1));
    assertThrows(DataException.class, () -> new Packing(2, 0).rows(Dataset.of(List.of(three))));
    assertThrows(DataException.class, () -> packing.collate(List.of(List.of(three, three))));
  }

  @Test
  void ordersVisitEachExampleOnceAnEpoch() {
    int[] lengths = new Random(1).ints(103, 1, 500).toArray();
    List<BatchOrder> orders =
        List.of(
            BatchOrder.inOrder(103, 4),
            BatchOrder.shuffled(103, 4, 9),
            new LengthBuckets(103, 4, 5, i -> lengths[(int) i], 9));
    for (BatchOrder order : orders) {
      Set<List<Long>> epochs = new HashSet<>();
      for (int epoch = 0; epoch < 3; epoch++) {
        List<Long> visited = new ArrayList<>();
        for (long b = 0; b < order.batchesPerEpoch(); b++) {
          Arrays.stream(order.batch(epoch, b)).forEach(visited::add);
          assertArrayEquals(order.batch(epoch, b), order.batch(epoch, b));
        }
        boolean all = order.equals(orders.getFirst());
        assertEquals(all ? 103 : 100, visited.size(), order.toString());
        assertEquals(visited.size(), new HashSet<>(visited).size(), order.toString());
        epochs.add(visited);
      }
      assertEquals(order.equals(orders.getFirst()) ? 1 : 3, epochs.size(), order.toString());
      assertThrows(IndexOutOfBoundsException.class, () -> order.batch(0, order.batchesPerEpoch()));
    }
    assertThrows(DataException.class, () -> BatchOrder.shuffled(3, 4, 0));
  }

  @Test
  void bucketsFillUpLess() {
    int[] lengths = new Random(1).ints(2000, 1, 500).toArray();
    long plain = filled(BatchOrder.shuffled(2000, 8, 1), lengths);
    long buckets = filled(new LengthBuckets(2000, 8, 25, i -> lengths[(int) i], 1), lengths);
    long tokens = Arrays.stream(lengths).sum();
    assertTrue(
        buckets < 1.1 * tokens && plain > 1.5 * tokens, tokens + " " + buckets + " " + plain);
  }

  /** A length may take reading and cutting a text. */
  @Test
  void bucketsAskForEachLengthOnce() {
    AtomicInteger asked = new AtomicInteger();
    BatchOrder order =
        new LengthBuckets(
            103,
            4,
            5,
            i -> {
              asked.incrementAndGet();
              return (int) (7 * i % 50);
            },
            9);
    order.batch(0, 0);
    assertTrue(asked.get() >= 4 && asked.get() <= 20, asked + " lengths for a pool of 20");
  }

  @Test
  void whatIsTooMuchToPackIsRefused() {
    Dataset<Sample> endless = new Selection<>(1L << 31, i -> Sample.ofSequence(new int[1], 0));
    assertThrows(DataException.class, () -> new Packing(2, 0).rows(endless));
  }

  private static long filled(BatchOrder order, int[] lengths) {
    long sum = 0;
    for (long b = 0; b < order.batchesPerEpoch(); b++) {
      long[] batch = order.batch(0, b);
      sum += Arrays.stream(batch).mapToInt(i -> lengths[(int) i]).max().orElse(0) * batch.length;
    }
    return sum;
  }

  @Test
  void epochsFollowEachOther() {
    Dataset<int[]> data = Dataset.of(List.of(1, 2, 3, 4, 5)).map(i -> new int[] {i, i + 10});
    Dataset<Batch> batches =
        new EpochBatches<>(data, new CausalLm(), new Padding(0), BatchOrder.inOrder(5, 2), 0);
    assertArrayEquals(new int[] {1, 2}, batches.get(0).field(Batch.INPUT_IDS).values());
    assertArrayEquals(new int[] {5}, batches.get(2).field(Batch.INPUT_IDS).values());
    assertArrayEquals(new int[] {1, 2}, batches.get(3).field(Batch.INPUT_IDS).values());
    Dataset<Batch> shuffled =
        new EpochBatches<>(data, new CausalLm(), new Padding(0), BatchOrder.shuffled(5, 5, 3), 0);
    assertNotEquals(shuffled.get(0), shuffled.get(1));
  }
}
