package dev.quern.transformer.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.type.FormatException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoaderTest {
  private static final LoaderState START = LoaderState.start("test");

  private static Dataset<Integer> numbers(int size) {
    return Dataset.of(IntStream.range(0, size).boxed().toList());
  }

  private static Dataset<Batch> windows() {
    TokenSequence tokens = TokenSequence.of(IntStream.range(0, 500).toArray());
    return new RandomWindows(tokens, 16, 4, 42);
  }

  private static <B> List<B> take(Loader<B> loader, int count) {
    List<B> taken = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      taken.add(loader.next());
    }
    return taken;
  }

  /** Late batches finish before early ones, by turns. */
  private static <B> Dataset<B> uneven(Dataset<B> batches) {
    return new Selection<>(
        batches.size(),
        index -> {
          LockSupport.parkNanos(index % 3 == 0 ? 2_000_000 : 10_000);
          return batches.get(index);
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 7, 64})
  void whatIsPreparedAheadChangesNothing(int ahead) {
    List<Batch> expected = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      expected.add(windows().get(i));
    }
    assertEquals(40, new HashSet<>(expected).size());
    try (Loader<Batch> loader = Loader.of(uneven(windows()), ahead, START)) {
      assertEquals(expected, take(loader, 40));
    }
    if (ahead > 0) {
      try (Loader<Batch> loader = Loader.of(windows().inOrder(), ahead, START)) {
        assertEquals(expected, take(loader, 40));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5})
  void aRunGoesOnWhereItStopped(int ahead) {
    List<ExampleSource<List<Integer>>> sources =
        List.of(
            numbers(100).inOrder().batched(3, List::copyOf),
            new ShuffleBuffer<>(numbers(100).inOrder(), 10, 8).batched(3, List::copyOf));
    for (ExampleSource<List<Integer>> source : sources) {
      List<List<Integer>> whole = ExampleSource.drain(source.open(0));
      assertEquals(34, whole.size());
      for (int stop : new int[] {0, 1, 17, 33, 34}) {
        String saved;
        try (Loader<List<Integer>> loader = Loader.of(source, ahead, START)) {
          assertEquals(whole.subList(0, stop), take(loader, stop));
          saved = loader.state().toJson();
        }
        LoaderState state = LoaderState.fromJson(saved).expect("test");
        try (Loader<List<Integer>> loader = Loader.of(source, ahead, state)) {
          assertEquals(whole.subList(stop, 34), take(loader, 34 - stop));
          assertNull(loader.next());
          assertNull(loader.next());
          assertEquals(34, loader.state().next());
        }
      }
    }
    try (Loader<Batch> loader = Loader.of(windows(), ahead, new LoaderState(1000, "test"))) {
      assertEquals(windows().get(1000), loader.next());
      assertEquals(1001, loader.state().next());
    }
  }

  @Test
  void bothKindsEnd() {
    try (Loader<Integer> loader = Loader.of(numbers(3), 8, START)) {
      assertEquals(List.of(0, 1, 2), take(loader, 3));
      assertNull(loader.next());
      assertNull(loader.next());
    }
    try (Loader<Integer> loader = Loader.of(numbers(0).inOrder(), 1, START)) {
      assertNull(loader.next());
    }
  }

  @Test
  void errorsSurfaceAtTheirBatchAndStay() {
    IllegalStateException failure = new IllegalStateException("third");
    Dataset<Integer> data =
        new Selection<>(
            10,
            index -> {
              if (index == 2) {
                throw failure;
              }
              return (int) index;
            });
    for (int kind = 0; kind < 3; kind++) {
      Loader<Integer> loader =
          kind == 2 ? Loader.of(data.inOrder(), 3, START) : Loader.of(data, 4 * kind, START);
      try (loader) {
        assertEquals(List.of(0, 1), take(loader, 2));
        assertSame(failure, assertThrows(IllegalStateException.class, loader::next));
        assertSame(failure, assertThrows(IllegalStateException.class, loader::next));
        assertEquals(2, loader.state().next());
      }
    }
  }

  @Test
  void noMoreIsPreparedThanAskedFor() throws Exception {
    AtomicInteger prepared = new AtomicInteger();
    Dataset<Integer> counted =
        numbers(1000)
            .map(
                i -> {
                  prepared.incrementAndGet();
                  return i;
                });
    try (Loader<Integer> loader = Loader.of(counted, 5, START)) {
      take(loader, 10);
      Thread.sleep(50);
      assertTrue(prepared.get() <= 15, prepared + " prepared");
    }
    prepared.set(0);
    try (Loader<Integer> loader = Loader.of(counted.inOrder(), 5, START)) {
      take(loader, 10);
      Thread.sleep(50);
      assertTrue(prepared.get() <= 15, prepared + " prepared");
    }
  }

  @Test
  void closingStopsWhatIsUnderWay() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    AtomicInteger interrupted = new AtomicInteger();
    Dataset<Integer> stuck =
        new Selection<>(
            10,
            index -> {
              begun.countDown();
              LockSupport.park();
              while (!Thread.interrupted()) {
                LockSupport.park();
              }
              interrupted.incrementAndGet();
              return 0;
            });
    for (int kind = 0; kind < 2; kind++) {
      Loader<Integer> loader =
          kind == 0 ? Loader.of(stuck, 1, START) : Loader.of(stuck.inOrder(), 1, START);
      begun.await();
      loader.close();
      loader.close();
      assertThrows(DataException.class, loader::next);
    }
    assertTrue(interrupted.get() >= 1, "nothing was stopped");
  }

  @Test
  void anInterruptedConsumerHearsOfIt() {
    Dataset<Integer> slow =
        new Selection<>(
            10,
            index -> {
              LockSupport.parkNanos(Long.MAX_VALUE);
              return 0;
            });
    for (int kind = 0; kind < 2; kind++) {
      try (Loader<Integer> loader =
          kind == 0 ? Loader.of(slow, 1, START) : Loader.of(slow.inOrder(), 1, START)) {
        Thread.currentThread().interrupt();
        assertThrows(DataException.class, loader::next);
        assertTrue(Thread.interrupted());
      }
    }
  }

  @Test
  void aShuffleBufferMovesExamplesForwardALittle() {
    List<Integer> shuffled =
        ExampleSource.drain(new ShuffleBuffer<>(numbers(1000).inOrder(), 20, 1).open(0));
    assertEquals(1000, new HashSet<>(shuffled).size());
    for (int i = 0; i < 1000; i++) {
      assertTrue(shuffled.get(i) < i + 20, "place " + i);
    }
    assertNotEquals(ExampleSource.drain(numbers(1000).inOrder().open(0)), shuffled);
    assertEquals(
        numbers(1000).size(),
        ExampleSource.drain(new ShuffleBuffer<>(numbers(1000).inOrder(), 2000, 1).open(0)).size());
  }

  @Test
  void aShuffleBufferThatFailsLetsGoOfItsSource() {
    AtomicInteger closed = new AtomicInteger();
    ExampleSource<Integer> failing =
        _ ->
            new ExampleStream<>() {
              private int position;

              @Override
              public Integer next() {
                if (position == 3) {
                  throw new IllegalStateException("fourth");
                }
                return position++;
              }

              @Override
              public long position() {
                return position;
              }

              @Override
              public void close() {
                closed.incrementAndGet();
              }
            };
    ShuffleBuffer<Integer> buffer = new ShuffleBuffer<>(failing, 2, 1);
    assertThrows(IllegalStateException.class, () -> buffer.open(5));
    assertEquals(1, closed.get());
  }

  @Test
  void statesAreChecked() {
    LoaderState state = new LoaderState(1L << 60, "a \"plan\"");
    assertEquals(state, LoaderState.fromJson(state.toJson()));
    assertThrows(DataException.class, () -> state.expect("another"));
    for (String bad :
        List.of(
            "",
            "{}",
            "[1]",
            "{\"version\":2,\"next\":1,\"plan\":\"p\"}",
            "{\"version\":1,\"next\":-1,\"plan\":\"p\"}",
            "{\"version\":1,\"next\":1.5,\"plan\":\"p\"}",
            "{\"version\":1,\"next\":1}")) {
      assertThrows(FormatException.class, () -> LoaderState.fromJson(bad), bad);
    }
    assertThrows(DataException.class, () -> Loader.of(numbers(1), -1, START));
    assertNotNull(START.toString());
    assertFalse(START.plan().isEmpty());
  }

  @Test
  void chanceBelongsToItsPlace() {
    assertEquals(Chance.of(1, 2, 3).nextLong(), Chance.of(1, 2, 3).nextLong());
    HashSet<Long> seen = new HashSet<>();
    for (long seed = 0; seed < 10; seed++) {
      for (long epoch = 0; epoch < 10; epoch++) {
        for (long example = 0; example < 10; example++) {
          seen.add(Chance.of(seed, epoch, example).nextLong());
        }
      }
    }
    assertEquals(1000, seen.size());
    Chance chance = Chance.of(3);
    int[] counts = new int[7];
    for (int i = 0; i < 70_000; i++) {
      counts[(int) chance.below(7)]++;
      double u = chance.nextDouble();
      assertTrue(u >= 0 && u < 1);
    }
    for (int count : counts) {
      assertEquals(10_000, count, 500);
    }
  }
}
