package dev.quern.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * y[m, n] = x[m, k] · w[n, k]ᵀ by Quern and by its peers. One library in a process, because each
 * brings threads of its own; {@code peers.sh} starts the processes and sets the threads.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 150, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@SuppressWarnings("NullAway.Init") // JMH calls open() first
public class PeerGemmBench {
  /** Whose product. */
  @Param({"quern", "quern16", "java", "mkl", "onednn", "openblas", "pytorch"})
  String library = "quern";

  /** Rows of the activation, columns of the result, inner extent. */
  @Param({
    "512x512x512",
    "1024x1024x1024",
    "2048x2048x2048",
    "4096x4096x4096",
    "1x2048x2048",
    "8x2048x2048",
    "32x2048x2048",
    "128x2048x2048",
    "512x2048x2048",
    "1x8192x2048",
    "8x8192x2048",
    "32x8192x2048",
    "128x8192x2048",
    "512x8192x2048"
  })
  String shape = "512x512x512";

  /** Dtype of the weight. */
  @Param({"F32", "BF16"})
  String type = "F32";

  /** How many threads the environment gives the library; noted in the result. */
  @Param("1")
  int threads = 1;

  private Product product;

  /** For JMH. */
  public PeerGemmBench() {}

  /** Prepares the weight, multiplies once and looks whether the result is right. */
  @Setup
  public void open() {
    Operands o = Operands.of(shape, type);
    product =
        switch (library) {
          case "quern" -> new QuernProduct(o, "native", false);
          case "quern16" -> new QuernProduct(o, "native", true);
          case "java" -> new QuernProduct(o, "vector", false);
          case "mkl" -> new MklProduct(o);
          case "onednn" -> new OneDnnProduct(o);
          case "openblas" -> new OpenBlasProduct(o);
          case "pytorch" -> new TorchProduct(o);
          default -> throw new IllegalArgumentException("no library " + library);
        };
    product.run();
    o.check(product);
  }

  /** Gives memory back. */
  @TearDown
  public void close() {
    product.close();
  }

  /** Multiplies. */
  @Benchmark
  public void multiply() {
    product.run();
  }
}
