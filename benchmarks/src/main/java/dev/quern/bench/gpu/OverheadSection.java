package dev.quern.bench.gpu;

import com.sun.management.ThreadMXBean;
import dev.quern.core.engine.Engine;
import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.type.ScalarType;
import java.lang.management.ManagementFactory;

/**
 * What calls cost the host until they return, the device being told of them and not waited for: the
 * mean of a round, and the median of some rounds, between which the device catches up.
 */
final class OverheadSection {
  private static final int ROUNDS = 9;
  private static final int CALLS = 200;
  private static final long PIECE_BYTES = 1 << 20;

  private final Lab lab;
  private final Engine engine;
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private OverheadSection(Lab lab) {
    this.lab = lab;
    engine = lab.engine();
  }

  static void run(Lab lab) {
    OverheadSection s = new OverheadSection(lab);
    s.plans();
    s.eager();
    s.memory();
  }

  private void plans() {
    try (Plan empty = engine.record("empty", _ -> {})) {
      host("empty plan replay", 100, empty::run);
    }
    int calls = lab.count(CALLS, 5);
    Figure device = Section.OVERHEAD.figure("plan of %d additions on the device".formatted(calls));
    lab.attempt(
        device,
        () -> {
          try (Operands o = new Operands(engine, lab.patterns())) {
            Tensor x = o.normal(ScalarType.F32, 1024);
            try (Plan plan =
                engine.record(
                    "additions",
                    r -> {
                      Tensor y = x;
                      for (int i = 0; i < calls; i++) {
                        y = y.add(x);
                      }
                      r.output("y", y);
                    })) {
              host("plan of %d additions replay".formatted(calls), 20, plan::run);
              lab.report().add(device.withNanos(lab.nanos(engine.home(), plan::run)));
            }
          }
        });
  }

  private void eager() {
    try (Operands o = new Operands(engine, lab.patterns())) {
      Tensor x = o.normal(ScalarType.F32, 1024);
      host(
          "eager addition",
          100,
          () -> {
            try (TensorScope _ = TensorScope.open("eager")) {
              x.add(x);
            }
          });
    }
  }

  private void memory() {
    DeviceMemory memory = engine.home().memory();
    host("take and give 1 MiB", 100, () -> memory.give(memory.take(PIECE_BYTES)));
  }

  private void host(String name, int full, Runnable call) {
    Figure f = Section.OVERHEAD.figure(name);
    int calls = lab.count(full, 2);
    int warm = lab.count(20, 1);
    lab.attempt(
        f,
        () -> {
          double[] nanos = new double[ROUNDS];
          long bytes = 0;
          for (int round = -warm; round < ROUNDS; round++) {
            engine.home().synchronize();
            long allocated = threads.getCurrentThreadAllocatedBytes();
            long from = System.nanoTime();
            for (int i = 0; i < calls; i++) {
              call.run();
            }
            nanos[Math.max(0, round)] = (System.nanoTime() - from) / (double) calls;
            bytes = (threads.getCurrentThreadAllocatedBytes() - allocated) / calls;
          }
          lab.report()
              .add(f.withNanos(Lab.median(nanos)).withNote(bytes + " bytes on the Java heap"));
        });
  }
}
