package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.driver.Grid;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Attention and its gradients: {@code attention.cu} and {@code attention_grad.cu}. */
final class AttentionKernels {
  private static final int THREADS = 256;
  private static final int WARP = 32;
  private static final int OWN = 16;
  private static final int SPAN_BYTES = 512;
  private static final int AXES = 4;

  private final CudaDevice device;

  AttentionKernels(CudaDevice device) {
    this.device = device;
  }

  Runnable attention(KernelArgs args) {
    Attention op = (Attention) args.op();
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    TensorView y = args.output();
    if (y.shape().elements() == 0) {
      return Launches.NOTHING;
    }
    TensorView lse = args.outputs().size() > 1 ? args.outputs().get(1) : null;
    Params p = params(args, op, y, lse, false);
    String kernel = "attention_" + Launches.name(q.dtype()) + "_" + Launches.name(k.dtype());
    Grid grid = grid(rows(q, k), spans(q, y.shape().dim(3)), k);
    return Launches.of(device, "attention", kernel, grid, p);
  }

  /** Working memory of the gradient: Σ g·y for each row. */
  static long bytes(List<TensorView> inputs) {
    Shape q = inputs.getFirst().shape();
    return Math.max(1, q.dim(0) * q.dim(1) * q.dim(2)) * Double.BYTES;
  }

  Runnable gradient(KernelArgs args) {
    Attention op = ((AttentionGrad) args.op()).attention();
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    Params p = params(args, op, null, null, true);
    String t = Launches.name(q.dtype());
    long heads = q.shape().dim(1) * q.shape().dim(2);
    if (q.shape().dim(0) == 0) {
      return Launches.NOTHING;
    }
    long d = q.shape().dim(3);
    long dv = args.input(2).shape().dim(3);
    Grid all =
        new Grid(
            (int) Math.ceilDiv(Math.max(1, heads), (long) THREADS / WARP),
            (int) q.shape().dim(0),
            1,
            THREADS,
            0);
    Grid queries = grid(rows(q, k), spans(q, d), k);
    Grid keys = grid(k.shape().dim(1), spans(q, dv) + spans(q, d), k);
    return Launches.inOrder(
        List.of(
            Launches.of(device, "attention_grad", "attention_delta_" + t, all, p),
            Launches.of(device, "attention_grad", "attention_dq_" + t, queries, p),
            Launches.of(device, "attention_grad", "attention_dkv_" + t, keys, p)));
  }

  /** Rows of queries that share a key head. */
  private static long rows(TensorView q, TensorView k) {
    return q.shape().dim(1) * q.shape().dim(2) / k.shape().dim(2);
  }

  private static long spans(TensorView q, long columns) {
    int bytes = q.dtype() == ScalarType.F64 ? Double.BYTES : Float.BYTES;
    return Math.ceilDiv(columns, (long) SPAN_BYTES / bytes);
  }

  private static Grid grid(long rows, long spans, TensorView k) {
    return new Grid(
        Math.toIntExact(Math.max(1, Math.ceilDiv(rows, (long) OWN) * spans)),
        Math.toIntExact(k.shape().dim(2)),
        Math.toIntExact(k.shape().dim(0)),
        THREADS,
        0);
  }

  private Params params(
      KernelArgs args,
      Attention op,
      @Nullable TensorView y,
      @Nullable TensorView lse,
      boolean gradient) {
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    TensorView v = args.input(2);
    TensorView mask = op.hasMask() ? args.input(op.maskIndex()) : null;
    TensorView starts = op.hasStarts() ? args.input(op.startsIndex()) : null;
    TensorView lengths = op.hasLengths() ? args.input(op.lengthsIndex()) : null;
    int at = AttentionGrad.gradientIndex(args.inputs().size());
    TensorView g = !gradient ? null : args.input(at);
    TensorView result = !gradient ? null : args.input(at + 1);
    TensorView logs = !gradient ? null : args.input(at + 2);
    Params p = new Params();
    p.address(start(q)).address(start(k)).address(start(v)).address(start(mask));
    p.address(start(starts)).address(start(lengths)).address(start(y)).address(start(lse));
    p.address(start(g)).address(start(result)).address(start(logs));
    p.address(!gradient ? 0 : args.scratch().address());
    for (int i = 0; i < 3; i++) {
      p.address(!gradient ? 0 : Launches.start(args.outputs().get(i)));
    }
    Shape s = q.shape();
    strides(p, q.layout());
    strides(p, k.layout());
    strides(p, v.layout());
    strides(
        p,
        mask == null
            ? null
            : mask.layout().expand(Shape.of(s.dim(0), s.dim(2), s.dim(1), k.shape().dim(1))));
    strides(p, g == null ? null : g.layout());
    strides(p, result == null ? null : result.layout());
    strides(p, logs == null ? null : logs.layout());
    p.int64(starts == null ? 0 : starts.layout().stride(0));
    p.int64(lengths == null ? 0 : lengths.layout().stride(0));
    p.address(device.status()).int64(device.site("attention", "lengths"));
    p.int32((int) s.dim(1)).int32((int) k.shape().dim(1)).int32((int) s.dim(2));
    p.int32((int) (s.dim(2) / k.shape().dim(2)))
        .int32((int) s.dim(3))
        .int32((int) v.shape().dim(3));
    p.float32(op.scale()).float32(op.softCap()).int32(op.causal() ? 1 : 0).int32(op.window());
    return p.int32(mask == null ? 0 : mask.dtype() == ScalarType.BOOL ? 1 : 2);
  }

  private static long start(@Nullable TensorView x) {
    return x == null ? 0 : Launches.start(x);
  }

  private static void strides(Params p, @Nullable Layout l) {
    for (int a = 0; a < AXES; a++) {
      p.int64(l != null && a < l.shape().rank() ? l.stride(a) : 0);
    }
  }
}
