package dev.quern.kernels.ffm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.spi.ReadAhead;
import dev.quern.core.spi.TaskPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Stages run one after the other, and name what is read next. */
class StagesTest {
  private static final long PIECE = 4096;

  private final MemorySegment fetch = Harness.tiers().getLast().fetch();
  private final List<String> log = Collections.synchronizedList(new ArrayList<>());
  private final List<String> asked = new ArrayList<>();

  /**
   * A part that notes what runs; the streams of its slices, if any, may be gone by the time they
   * are fetched.
   */
  private final class Noted implements Part {
    private final String name;
    private final int slices;
    private final long streamBytes;

    Noted(String name, int slices, long streamBytes) {
      this.name = name;
      this.slices = slices;
      this.streamBytes = streamBytes;
    }

    @Override
    public int slices() {
      return slices;
    }

    @Override
    public List<MemorySegment> streams(int slice) {
      asked.add(name + slice);
      return streamBytes == 0 ? List.of() : List.of(Arena.ofAuto().allocate(streamBytes));
    }

    @Override
    public void run(int slice) {
      log.add(name + slice);
    }
  }

  private static int fetches(ReadAhead ahead) {
    ahead.begin();
    int n = 0;
    while (ahead.fetch()) {
      n++;
    }
    assertFalse(ahead.fetch());
    return n;
  }

  @Test
  void allSlicesOfAllPartsInOrderOfStages() {
    try (TaskPool pool = new TaskPool(2)) {
      new Stages(
              pool,
              fetch,
              List.of(
                  List.of(new Noted("a", 3, 0)),
                  List.of(new Noted("none", 0, 0)),
                  List.of(new Noted("b", 2, 100), new Noted("c", 1, 0))))
          .run();
    }
    assertEquals(List.of("a0", "a1", "a2"), log.subList(0, 3).stream().sorted().toList());
    assertEquals(List.of("b0", "b1", "c0"), log.subList(3, 6).stream().sorted().toList());
    assertEquals(6, log.size());
  }

  @Test
  void fetchesAPieceAtATimeOfWhatTheThreadsTakeFirst() {
    try (TaskPool pool = new TaskPool(2)) {
      Part few = new Noted("few", 5, 3 * PIECE + 1);
      ReadAhead first = new Stages(pool, fetch, List.of(List.of(few))).first();
      assertNotNull(first);
      assertFalse(first.fetch(), "nothing before it begins");
      assertEquals(2 * 4, fetches(first), "two threads, four pieces each");
      assertEquals(2 * 4, fetches(first), "again");
      Part large = new Noted("large", 5, 4 << 20);
      ReadAhead most = new Stages(pool, fetch, List.of(List.of(large))).first();
      assertNotNull(most);
      assertEquals((1 << 20) / PIECE, fetches(most), "no more than half of a cache");
    }
  }

  @Test
  void streamsAreAskedForByThePartsOwnSlices() {
    Part a = new Noted("a", 2, 100);
    Part b = new Noted("b", 3, 100);
    try (TaskPool pool = new TaskPool(3)) {
      new Stages(pool, fetch, List.of(List.of(a, b)));
    }
    assertEquals(List.of("a0", "b2", "b1"), asked);
  }

  @Test
  void nothingToFetchWithoutStreams() {
    try (TaskPool pool = new TaskPool(2)) {
      assertNull(new Stages(pool, fetch, List.of(List.of(new Noted("a", 3, 0)))).first());
    }
  }

  /** The next stage's streams are named when a stage begins, the next call's by the last stage. */
  @Test
  void namesWhatFollows() {
    try (TaskPool pool = new TaskPool(2)) {
      ReadAhead next =
          new ReadAhead() {
            @Override
            public void begin() {
              log.add("next");
            }

            @Override
            public boolean fetch() {
              return false;
            }
          };
      Stages stages =
          new Stages(
              pool,
              fetch,
              List.of(
                  List.of(new Noted("x", 1, 0)),
                  List.of(new Noted("a", 1, 100)),
                  List.of(new Noted("h", 1, 0)),
                  List.of(new Noted("b", 1, 100))));
      stages.run();
      assertEquals(List.of("x0", "a0", "h0", "b0"), log);
      log.clear();
      stages.then(next);
      stages.run();
      assertEquals(List.of("x0", "a0", "h0", "next", "b0"), log);
      assertTrue(fetches(stages.first()) > 0);
    }
  }
}
