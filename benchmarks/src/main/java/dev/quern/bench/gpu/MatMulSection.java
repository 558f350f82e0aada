package dev.quern.bench.gpu;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import java.util.List;
import java.util.Locale;
import java.util.function.BinaryOperator;

/**
 * Matrix products, by Quern's kernels, by cuBLASLt where it is installed, and by what the engine
 * chooses. A case's name has rows × columns × k; operands are x [rows, k] and w [columns, k] unless
 * an order is named, whose letters say whether the left and the right operand are transposed.
 */
final class MatMulSection {
  private static final String LIBRARY = "cublasLt";
  private static final int[] ROWS = {1, 8, 32, 128};
  private static final int[] FEW_ROWS = {1, 2, 17, 20};

  /** k and columns of Llama-3-8B's linear maps. */
  private static final long[][] LLAMA = {
    {4096, 4096}, {4096, 1024}, {4096, 14336}, {14336, 4096}, {4096, 128256}
  };

  private final Lab lab;
  private final Engine own;
  private final Engine library;
  private final Engine auto;

  private MatMulSection(Lab lab) {
    this.lab = lab;
    own = lab.engineWith("own");
    library = lab.engineWith("cublaslt");
    auto = lab.engineWith("auto");
  }

  static void run(Lab lab) {
    MatMulSection section = new MatMulSection(lab);
    section.squares();
    section.orders();
    for (long[] shape : LLAMA) {
      for (int i = 0; i < ROWS.length; i++) {
        section.byAll(
            ScalarType.BF16,
            lab.size(ROWS[i], FEW_ROWS[i]),
            lab.size(shape[1], shape[1] / 128),
            lab.size(shape[0], shape[0] / 64),
            "");
      }
    }
  }

  private void squares() {
    for (long full : new long[] {4096, 8192}) {
      long n = lab.size(full, full / 128);
      double wide = byAll(ScalarType.BF16, n, n, n, "");
      byAll(ScalarType.F16, n, n, n, "");
      Figure f = figure("FP8", n, n, n, "").withVariant("own");
      lab.attempt(
          f,
          () -> {
            Figure done = lab.timed(f, own, call(ScalarType.F8_E4M3, n, n, n, ""));
            lab.report()
                .add(
                    done.isMeasured() && wide > 0
                        ? done.withNote(
                            String.format(
                                Locale.ROOT, "%.2f times own BF16's rate", wide / done.nanos()))
                        : done);
          });
    }
  }

  private void orders() {
    long n = lab.size(4096, 64);
    for (String order : List.of(" NN", " TN", " TT")) {
      byAll(ScalarType.BF16, n, n, n, order);
    }
  }

  private static Figure figure(String type, long m, long n, long k, String order) {
    return Section.MATMUL
        .figure("%s %dx%dx%d%s".formatted(type, m, n, k, order))
        .withFlops(2.0 * m * n * k);
  }

  /** A product by all that can compute it; the time of Quern's own kernel, 0 if it failed. */
  private double byAll(ScalarType type, long m, long n, long k, String order) {
    Figure f = figure(type.name(), m, n, k, order);
    double[] nanos = new double[2];
    lab.attempt(
        f.withVariant("own"),
        () -> {
          Figure done = lab.timed(f.withVariant("own"), own, call(type, m, n, k, order));
          nanos[0] = done.nanos();
          lab.report().add(done);
        });
    lab.attempt(
        f.withVariant("cuBLASLt"),
        () -> {
          Figure done = lab.timed(f.withVariant("cuBLASLt"), library, call(type, m, n, k, order));
          if (!done.kernels().contains(LIBRARY)) {
            lab.report().skip(done, "the library is not there, or has no such product");
            return;
          }
          nanos[1] = done.nanos();
          lab.report()
              .add(
                  nanos[0] > 0
                      ? done.withNote(
                          String.format(
                              Locale.ROOT, "own has %.2f of its rate", nanos[1] / nanos[0]))
                      : done);
        });
    lab.attempt(
        f.withVariant("auto"),
        () -> lab.report().add(lab.timed(f.withVariant("auto"), auto, call(type, m, n, k, order))));
    return nanos[0];
  }

  private static Lab.Call call(ScalarType type, long m, long n, long k, String order) {
    return operands -> {
      boolean turned = order.startsWith(" T");
      boolean linear = order.isEmpty() || order.endsWith("T");
      Tensor x = turned ? operands.normal(type, k, m).transpose() : operands.normal(type, m, k);
      Tensor w = linear ? operands.normal(type, n, k) : operands.normal(type, k, n);
      BinaryOperator<Tensor> product =
          order.isEmpty()
              ? Tensor::linear
              : linear ? (a, b) -> a.matmul(b.transpose()) : Tensor::matmul;
      return () -> List.of(product.apply(x, w));
    };
  }
}
