package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ScanOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Lines.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.ArrayList;
import java.util.List;

/** Running sums and orders: {@code scan.cu}. */
final class ScanKernels {
  private static final String MODULE = "scan";
  private static final int THREADS = 256;
  private static final int PAIR_BYTES = Long.BYTES + Integer.BYTES;

  private final CudaDevice device;

  ScanKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable cumSum(KernelArgs args) {
    ScanOp.CumSum op = (ScanOp.CumSum) args.op();
    TensorView x = args.input(0);
    if (x.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Lines lines = lines(args, op.axis());
    Params p = lines.write(new Params()).int32(op.reverse() ? 1 : 0);
    return Launches.of(device, MODULE, "cum_sum_" + Launches.name(x.dtype()), lines.grid(), p);
  }

  /** Working memory: a key and an index for each element, lines padded to a power of two. */
  static long bytes(ScanOp.ArgSort op, TensorView x) {
    long n = x.shape().dim(op.axis());
    return n == 0 ? 0 : x.shape().elements() / n * padded(n) * PAIR_BYTES;
  }

  private static long padded(long n) {
    return n <= 2 ? 2 : Long.highestOneBit(n - 1) << 1;
  }

  Runnable argSort(KernelArgs args) {
    ScanOp.ArgSort op = (ScanOp.ArgSort) args.op();
    TensorView x = args.input(0);
    if (x.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Lines lines = lines(args, op.axis());
    long padded = padded(lines.length());
    List<Runnable> calls = new ArrayList<>();
    calls.add(
        Launches.of(
            device,
            MODULE,
            "sort_keys_" + Launches.name(x.dtype()),
            Grid.over(lines.count() * padded, THREADS),
            step(args, lines, padded, 0, 1)));
    Grid pairs = Grid.over(lines.count() * padded / 2, THREADS);
    for (long size = 2; size <= padded; size *= 2) {
      for (long stride = size / 2; stride > 0; stride /= 2) {
        calls.add(
            Launches.of(
                device, MODULE, "sort_step", pairs, step(args, lines, padded, size, stride)));
      }
    }
    calls.add(
        Launches.of(
            device,
            MODULE,
            "sort_finish",
            Grid.over(lines.count() * lines.length(), THREADS),
            step(args, lines, padded, 0, 1)));
    return Launches.inOrder(calls);
  }

  private static Params step(KernelArgs args, Lines lines, long padded, long size, long stride) {
    long keys = args.scratch().address();
    return lines
        .write(new Params())
        .address(keys)
        .address(keys + lines.count() * padded * Long.BYTES)
        .int32((int) padded) // 2^31 too, as unsigned numbers
        .int32((int) size)
        .int32((int) stride)
        .int32(((ScanOp.ArgSort) args.op()).descending() ? 1 : 0);
  }

  private static Lines lines(KernelArgs args, int axis) {
    TensorView x = args.input(0);
    return Lines.of(
        x.shape().remove(axis),
        x.shape().dim(axis),
        Operand.along(args.output(), axis),
        Operand.along(x, axis));
  }
}
