package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.SamplingOp.Sample;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.List;
import java.util.stream.Stream;

/** The choice of tokens: {@code sample.cu}. */
final class SampleKernels {
  private static final String MODULE = "sample";
  private static final int THREADS = 256;
  private static final int CHUNK = 1024; // logits of a block
  private static final int BUCKETS = 1024;

  /** Outside of it quotients of F32 may leave the range in which the inverse gives them. */
  private static final double FAR = 0x1p200;

  private final CudaDevice device;

  SampleKernels(CudaDevice device) {
    this.device = device;
  }

  /** Where working memory is cut: bytes of each part, those of 8 bytes first. */
  private record Space(long chunks, long buckets, long tokens) {
    static Space of(Sample op, Shape logits) {
      long rows = logits.dim(0);
      long chunks = rows * chunksOf(logits);
      boolean ranked = !op.isGreedy() && op.isRanked();
      return new Space(chunks, ranked ? rows * BUCKETS : 0, ranked ? logits.elements() : 0);
    }

    long[] parts() {
      long eight = Long.BYTES;
      long four = Integer.BYTES;
      return new long[] {
        chunks * eight, // the largest of each chunk
        chunks * eight, // its weights, or where the largest is
        buckets * eight, // weights
        tokens * eight, // weights of tokens
        tokens * four, // tokens
        buckets * four, // how many
        buckets * four // how many are in the list
      };
    }

    /** Where a part begins; the last is the end. */
    long offset(int part) {
      long at = 0;
      for (int i = 0; i < part; i++) {
        at += parts()[i];
      }
      return at;
    }
  }

  private static long chunksOf(Shape logits) {
    return Math.ceilDiv(logits.dim(1), CHUNK);
  }

  /** Working memory: about 12 bytes for each token of each row if there are cuts, else little. */
  static long bytes(Sample op, List<TensorView> inputs) {
    Space space = Space.of(op, inputs.getFirst().shape());
    return space.offset(space.parts().length);
  }

  Runnable sample(KernelArgs args) {
    Sample op = (Sample) args.op();
    TensorView x = args.input(0);
    long rows = x.shape().dim(0);
    if (rows == 0) {
      return Launches.NOTHING;
    }
    long blocks = rows * chunksOf(x.shape());
    if (x.shape().dim(1) > Integer.MAX_VALUE - CHUNK || blocks > Integer.MAX_VALUE) {
      throw new NotSupportedException(
          "[sample] %s logits are more than a kernel chooses from at once; sample fewer rows"
              .formatted(x.shape()));
    }
    String name = "_" + Launches.name(x.dtype());
    Grid all = Grid.of(blocks, THREADS);
    Grid each = Grid.of(rows, THREADS);
    Params p = params(args, op);
    if (op.isGreedy()) {
      return inOrder(call("first" + name, all, p), call("best", each, p));
    }
    if (!op.isRanked()) {
      return inOrder(call("sum" + name, all, p), call("draw" + name, each, p));
    }
    return inOrder(
        call("top" + name, all, p),
        call("count" + name, all, p),
        call("place" + name, all, p),
        call("take" + name, each, p));
  }

  private static Runnable inOrder(Runnable... calls) {
    return Launches.inOrder(Stream.of(calls).toList());
  }

  private Runnable call(String kernel, Grid grid, Params p) {
    return Launches.of(device, MODULE, "sample_" + kernel, grid, p);
  }

  private static Params params(KernelArgs args, Sample op) {
    TensorView x = args.input(0);
    TensorView u = args.input(1);
    Space space = Space.of(op, x.shape());
    long scratch = args.scratch().address();
    double t = op.temperature();
    boolean near = x.dtype() == ScalarType.F32 && t > 1 / FAR && t < FAR;
    Params p = new Params();
    p.address(Launches.start(x)).address(Launches.start(u)).address(Launches.start(args.output()));
    for (int part : new int[] {0, 1, 1, 5, 6, 2, 4, 3}) {
      p.address(scratch + space.offset(part));
    }
    p.int64(x.layout().stride(0)).int64(x.layout().stride(1)).int64(u.layout().stride(0));
    p.float64(t).float64(near ? 1 / t : 0).float64(op.topP()).float64(op.minP());
    p.float64(-Math.log(op.minP()) * BUCKETS / -Sample.LEAST);
    p.int32((int) x.shape().dim(1)).int32((int) chunksOf(x.shape())).int32(op.topK());
    return p;
  }
}
