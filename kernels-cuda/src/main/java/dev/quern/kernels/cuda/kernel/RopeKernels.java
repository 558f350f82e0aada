package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionOp;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.kernel.Lines.Operand;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.Arrays;

/** Rotary embeddings: {@code rope.cu}. */
final class RopeKernels {
  private static final int THREADS = 256;

  private final CudaDevice device;

  RopeKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable rope(KernelArgs args) {
    TensorView x = args.input(0);
    TensorView positions = args.input(1);
    TensorView frequencies = args.input(2);
    TensorView y = args.output();
    if (x.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    Shape tokens = positions.shape();
    long d = x.shape().dim(-1);
    long half = frequencies.shape().dim(0);
    Lines lines =
        Lines.alone(tokens, d - half, tokens(y), tokens(x), Operand.each(positions, tokens));
    Params p =
        lines
            .write(new Params())
            .address(Launches.start(frequencies))
            .int64(frequencies.layout().stride(0))
            .int64(x.layout().stride(-2))
            .int64(x.layout().stride(-1))
            .int32(Math.toIntExact(x.shape().dim(-2)))
            .int32(Math.toIntExact(d))
            .int32((int) half)
            .int32(((AttentionOp.Rope) args.op()).interleaved() ? 1 : 0)
            .int32(positions.dtype() == ScalarType.I64 ? 1 : 0);
    Grid grid = Grid.over(tokens.elements() * (d - half), THREADS);
    return Launches.of(device, "rope", "rope_" + Launches.name(x.dtype()), grid, p);
  }

  private static Operand tokens(TensorView x) {
    Layout l = x.layout();
    long[] strides = Arrays.copyOf(l.strides(), l.shape().rank() - 2);
    return new Operand(Launches.start(x), x.dtype().blockBytes(), strides, 0);
  }
}
