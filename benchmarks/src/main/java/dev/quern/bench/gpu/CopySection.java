package dev.quern.bench.gpu;

import dev.quern.core.op.Tensor;
import dev.quern.core.spi.Backend;
import dev.quern.core.type.ScalarType;
import java.util.ArrayList;
import java.util.List;

/** Copies of 1 GiB, by the driver and by a kernel; the faster one is what shares are of. */
final class CopySection {
  private CopySection() {}

  static void run(Lab lab) {
    long elements = lab.size(1L << 28, 1 << 10);
    Figure f = Section.COPY.figure("copy F32 " + elements).withBytes(2.0 * Float.BYTES * elements);
    List<Figure> measured = new ArrayList<>();
    lab.attempt(
        f.withVariant("driver"),
        () -> {
          Backend device = lab.engine().home();
          try (Operands operands = new Operands(lab.engine(), lab.patterns())) {
            Tensor from = operands.normal(ScalarType.F32, elements);
            Tensor to = operands.zeros(ScalarType.F32, elements);
            Runnable copy = () -> device.copy(from.storage().segment(), to.storage().segment());
            measured.add(f.withVariant("driver").withNanos(lab.nanos(device, copy)));
          }
        });
    lab.attempt(
        f.withVariant("kernel"),
        () ->
            measured.add(
                lab.timed(
                    f.withVariant("kernel"),
                    lab.engine(),
                    operands -> {
                      Tensor from = operands.normal(ScalarType.F32, elements);
                      Tensor to = operands.zeros(ScalarType.F32, elements);
                      return () -> {
                        to.assign(from);
                        return List.of();
                      };
                    })));
    double best =
        measured.stream().filter(Figure::isMeasured).mapToDouble(Figure::gigabytes).max().orElse(0);
    lab.report().copyBandwidth(best);
    measured.forEach(lab.report()::add);
  }
}
