package dev.quern.kernels.ffm;

import dev.quern.core.spi.ReadAhead;
import dev.quern.core.spi.StreamingCall;
import dev.quern.core.spi.TaskPool;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Parts of a call: those of a stage at the same time, one stage after the other. A thread that has
 * nothing left to do in a stage fetches what the next one reads first.
 */
final class Stages implements StreamingCall {
  private final TaskPool pool;
  private final Stage[] stages;

  /**
   * A call.
   *
   * @param pool its threads
   * @param fetch {@code quern_fetch}
   * @param stages parts of each; those without slices are left out
   */
  Stages(TaskPool pool, MemorySegment fetch, List<List<? extends Part>> stages) {
    this.pool = pool;
    this.stages =
        stages.stream()
            .map(parts -> new Stage(parts, fetch, pool.threads()))
            .filter(s -> s.slices > 0)
            .toArray(Stage[]::new);
    Stage last = null;
    for (Stage s : this.stages) {
      if (last != null && s.first != null) {
        last.next = s.first;
      }
      last = s.first == null ? last : s;
    }
  }

  @Override
  public void run() {
    for (Stage s : stages) {
      ReadAhead next = s.next;
      if (next != null) {
        pool.whileIdle(next);
      }
      pool.parallelFor(s.slices, s);
    }
  }

  @Override
  public @Nullable ReadAhead first() {
    for (Stage s : stages) {
      if (s.first != null) {
        return s.first;
      }
    }
    return null;
  }

  @Override
  public void then(ReadAhead next) {
    for (int i = stages.length - 1; i >= 0; i--) {
      if (stages[i].first != null) {
        stages[i].next = next;
        return;
      }
    }
  }

  private static final class Stage implements TaskPool.Task {
    private final Part[] parts;
    private final int[] ends; // of the parts, in slices of the stage
    private final int slices;
    private final @Nullable ReadAhead first;
    private @Nullable ReadAhead next;

    Stage(List<? extends Part> all, MemorySegment fetch, int threads) {
      parts = all.stream().filter(p -> p.slices() > 0).toArray(Part[]::new);
      ends = new int[parts.length];
      int sum = 0;
      for (int p = 0; p < parts.length; p++) {
        sum = Math.addExact(sum, parts[p].slices());
        ends[p] = sum;
      }
      slices = sum;
      List<MemorySegment> streams = new ArrayList<>();
      if (slices > 0) {
        streams.addAll(streams(0)); // the caller begins there, the others at the end
      }
      for (int slice = slices - 1; slice >= Math.max(1, slices + 1 - threads); slice--) {
        streams.addAll(streams(slice));
      }
      first = streams.isEmpty() ? null : new Ahead(fetch, streams);
    }

    /** Which part a slice belongs to. */
    private int part(int slice) {
      int p = 0;
      while (slice >= ends[p]) {
        p++;
      }
      return p;
    }

    /** The number that a slice has in its part. */
    private int within(int part, int slice) {
      return part == 0 ? slice : slice - ends[part - 1];
    }

    private List<MemorySegment> streams(int slice) {
      int p = part(slice);
      return parts[p].streams(within(p, slice));
    }

    @Override
    public void run(int slice) {
      int p = part(slice);
      parts[p].run(within(p, slice));
    }
  }
}
