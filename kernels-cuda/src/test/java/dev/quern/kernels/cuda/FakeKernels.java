package dev.quern.kernels.cuda;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import dev.quern.kernels.cuda.launch.Status;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A handful of F32 operations for {@link FakeDriver}: what is launched and in which order is the
 * backend's doing, what comes out is Java's.
 *
 * @param cuda where they are launched
 */
record FakeKernels(CudaDevice cuda) implements KernelProvider {
  static final int THREADS = 128;

  /** A provider over a driver that has these kernels. */
  static CudaProvider provider(FakeDriver driver) {
    install(driver);
    return new CudaProvider(
        () -> driver, m -> ("image of " + m).getBytes(StandardCharsets.UTF_8), FakeKernels::new);
  }

  /** Tells a driver what the kernels do. */
  @SuppressWarnings("restricted")
  static void install(FakeDriver driver) {
    driver.kernels.put("quern_add", (g, p) -> each(driver, g, p, Float::sum));
    driver.kernels.put("quern_mul", (g, p) -> each(driver, g, p, (a, b) -> a * b));
    driver.kernels.put("quern_copy", (g, p) -> each(driver, g, p, (a, _) -> a));
    driver.kernels.put(
        "quern_full",
        (_, p) -> {
          long n = p.get(ValueLayout.JAVA_LONG, 8);
          MemorySegment y = driver.at(p.get(ValueLayout.JAVA_LONG, 0), 4 * n);
          for (long i = 0; i < n; i++) {
            y.setAtIndex(ValueLayout.JAVA_FLOAT, i, p.get(ValueLayout.JAVA_FLOAT, 16));
          }
        });
    driver.kernels.put(
        "quern_gather",
        (_, p) -> {
          MemorySegment status = MemorySegment.ofAddress(p.get(ValueLayout.JAVA_LONG, 0));
          MemorySegment s = status.reinterpret(Status.BYTES);
          int number = s.get(ValueLayout.JAVA_INT, 0);
          if (s.get(ValueLayout.JAVA_INT, 4) == number - 1) {
            s.set(ValueLayout.JAVA_INT, 4, number);
            s.set(ValueLayout.JAVA_INT, 12, Status.INDEX);
            s.set(ValueLayout.JAVA_INT, 16, p.get(ValueLayout.JAVA_INT, 8));
            s.set(ValueLayout.JAVA_LONG, 24, -1);
            s.set(ValueLayout.JAVA_LONG, 32, 9);
            s.set(ValueLayout.JAVA_LONG, 40, 4);
            s.set(ValueLayout.JAVA_INT, 8, number);
          }
        });
  }

  private interface Each {
    float of(float a, float b);
  }

  private static void each(FakeDriver driver, Grid grid, MemorySegment p, Each op) {
    long n = p.get(ValueLayout.JAVA_LONG, 24);
    if ((long) grid.x() * grid.threads() < n) {
      throw new AssertionError("the grid is too small for " + n);
    }
    MemorySegment a = driver.at(p.get(ValueLayout.JAVA_LONG, 0), 4 * n);
    MemorySegment b = driver.at(p.get(ValueLayout.JAVA_LONG, 8), 4);
    MemorySegment y = driver.at(p.get(ValueLayout.JAVA_LONG, 16), 4 * n);
    boolean scalar = p.get(ValueLayout.JAVA_LONG, 32) == 1;
    MemorySegment all = scalar ? b : driver.at(p.get(ValueLayout.JAVA_LONG, 8), 4 * n);
    for (long i = 0; i < n; i++) {
      float left = a.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      float right = all.getAtIndex(ValueLayout.JAVA_FLOAT, scalar ? 0 : i);
      y.setAtIndex(ValueLayout.JAVA_FLOAT, i, op.of(left, right));
    }
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String device() {
    return "cuda";
  }

  @Override
  public int priority() {
    return 100;
  }

  @Override
  public Probe probe() {
    return new Probe.Usable("made up");
  }

  @Override
  public @Nullable Kernel find(KernelSignature s) {
    if (!s.allContiguous()) {
      return null;
    }
    return switch (s.op()) {
      case BinaryOp.Add _ -> new Named("quern_add", cuda);
      case BinaryOp.Mul _ -> new Named("quern_mul", cuda);
      case BufferOp.Assign _ -> new Named("quern_copy", cuda);
      case CreateOp.Full _ -> new Named("quern_full", cuda);
      case DataOp.Gather _ -> new Named("quern_gather", cuda);
      default -> null;
    };
  }

  private record Named(String name, CudaDevice device) implements Kernel {
    @Override
    public Runnable bind(KernelArgs args) {
      Op op = args.op();
      long n = args.outputs().isEmpty() ? 0 : args.output().shape().elements();
      Params p = new Params();
      switch (op) {
        case CreateOp.Full full ->
            p.address(args.output().base()).int64(n).float32((float) full.value());
        case DataOp.Gather _ -> p.address(device.status()).int32(device.site("gather", "indices"));
        case BufferOp.Assign _ -> {
          TensorView to = args.input(0);
          n = to.shape().elements();
          p.address(args.input(1).base()).address(args.input(1).base()).address(to.base());
          p.int64(n).int64(0);
        }
        default -> {
          p.address(args.input(0).base()).address(args.input(1).base());
          p.address(args.output().base()).int64(n).int64(args.input(1).shape().elements());
        }
      }
      return device.call("fake", name, Grid.over(Math.max(1, n), THREADS), p.build());
    }
  }
}
