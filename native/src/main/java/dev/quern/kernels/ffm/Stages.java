package dev.quern.kernels.ffm;

import dev.quern.core.spi.TaskPool;
import java.util.List;

/** Parts of a call: those of a stage at the same time, one stage after the other. */
final class Stages implements Runnable {
  private final TaskPool pool;
  private final Stage[] stages;

  /**
   * A call.
   *
   * @param pool its threads
   * @param stages parts of each; those without slices are left out
   */
  Stages(TaskPool pool, List<List<? extends Part>> stages) {
    this.pool = pool;
    this.stages =
        stages.stream()
            .map(
                parts -> new Stage(parts.stream().filter(p -> p.slices() > 0).toArray(Part[]::new)))
            .filter(s -> s.slices > 0)
            .toArray(Stage[]::new);
  }

  @Override
  public void run() {
    for (Stage s : stages) {
      pool.parallelFor(s.slices, s);
    }
  }

  private static final class Stage implements TaskPool.Task {
    private final Part[] parts;
    private final int slices;

    Stage(Part[] parts) {
      this.parts = parts;
      int sum = 0;
      for (Part p : parts) {
        sum = Math.addExact(sum, p.slices());
      }
      slices = sum;
    }

    @Override
    public void run(int slice) {
      int left = slice;
      for (Part p : parts) {
        if (left < p.slices()) {
          p.run(left);
          return;
        }
        left -= p.slices();
      }
    }
  }
}
