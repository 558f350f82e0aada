package dev.quern.kernels.cuda.kernel;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Pages;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.type.Layout;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.kernels.cuda.launch.CudaDevice;
import dev.quern.kernels.cuda.launch.Params;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The struct of {@code attention.cuh}, for attention or its gradient.
 *
 * @param device whose status kernels complain to
 * @param op the attention, also of a gradient
 * @param args the call
 */
record AttentionParams(CudaDevice device, Attention op, KernelArgs args) {
  private static final int AXES = 4;
  private static final int GRADIENTS = 3;

  /** The keys of all sequences: [b, tk, hkv, d], whether in pages or not. */
  Shape keys() {
    return sequences(op, args.inputs(), 1);
  }

  /**
   * Keys (1) or values (2) of all sequences, whether in pages or not.
   *
   * @param op attention
   * @param in its inputs
   * @param operand which
   * @return [b, tk, hkv, d]
   */
  static Shape sequences(Attention op, List<TensorView> in, int operand) {
    Shape s = in.get(operand).shape();
    return op.hasPages() ? Pages.sequences(s, in.get(op.pagesIndex()).shape()) : s;
  }

  /** For a grid of so many blocks for each sequence and key head. */
  Params of(long blocks) {
    return of(blocks, 1, 1);
  }

  /** The same, with keys in pieces and tiles of so many rows of queries. */
  Params of(long blocks, int pieces, int tileRows) {
    return appendTo(new Params(), blocks, pieces, tileRows);
  }

  /** The same behind what other members a kernel's struct begins with. */
  Params appendTo(Params p, long blocks, int pieces, int tileRows) {
    boolean gradient = args.op() instanceof AttentionGrad;
    TensorView q = args.input(0);
    TensorView k = args.input(1);
    TensorView v = args.input(2);
    TensorView mask = op.hasMask() ? args.input(op.maskIndex()) : null;
    TensorView starts = op.hasStarts() ? args.input(op.startsIndex()) : null;
    TensorView lengths = op.hasLengths() ? args.input(op.lengthsIndex()) : null;
    TensorView y = gradient ? null : args.output();
    TensorView lse = gradient || args.outputs().size() < 2 ? null : args.outputs().get(1);
    int at = AttentionGrad.gradientIndex(args.inputs().size());
    TensorView g = !gradient ? null : args.input(at);
    TensorView result = !gradient ? null : args.input(at + 1);
    TensorView logs = !gradient ? null : args.input(at + 2);
    p.address(start(q)).address(start(k)).address(start(v)).address(start(mask));
    p.address(start(starts)).address(start(lengths)).address(start(y)).address(start(lse));
    p.address(start(g)).address(start(result)).address(start(logs));
    p.address(args.scratch().address());
    for (int i = 0; i < GRADIENTS; i++) {
      p.address(!gradient ? 0 : Launches.start(args.outputs().get(i)));
    }
    Shape s = q.shape();
    Shape keys = keys();
    strides(p, q.layout());
    strides(p, k.layout());
    strides(p, v.layout());
    Shape scores = Shape.of(s.dim(0), s.dim(2), s.dim(1), keys.dim(1));
    strides(p, mask == null ? null : mask.layout().expand(scores));
    strides(p, g == null ? null : g.layout());
    strides(p, result == null ? null : result.layout());
    strides(p, logs == null ? null : logs.layout());
    p.int64(starts == null ? 0 : starts.layout().stride(0));
    p.int64(lengths == null ? 0 : lengths.layout().stride(0));
    p.address(device.status()).int64(device.site("attention", "lengths"));
    p.int32(Math.toIntExact(s.dim(0))).int32(Math.toIntExact(s.dim(1)));
    p.int32(Math.toIntExact(keys.dim(1))).int32(Math.toIntExact(s.dim(2)));
    p.int32((int) (s.dim(2) / keys.dim(2)));
    p.int32(Math.toIntExact(s.dim(3))).int32(Math.toIntExact(v.shape().dim(3)));
    p.float32(op.scale()).float32(op.softCap()).int32(op.causal() ? 1 : 0).int32(op.window());
    p.int32(mask == null ? 0 : mask.dtype() == ScalarType.BOOL ? 1 : 2);
    p.int32(Math.toIntExact(blocks)).int32(pieces).int32(tileRows);
    TensorView pages = op.hasPages() ? args.input(op.pagesIndex()) : null;
    p.int32(Math.toIntExact(k.shape().dim(0))).int32(Math.toIntExact(k.shape().dim(1)));
    p.int32(device.site("attention", "pages")).address(start(pages));
    return p.int64(pages == null ? 0 : pages.layout().stride(0))
        .int64(pages == null ? 0 : pages.layout().stride(1));
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
