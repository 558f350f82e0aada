package dev.quern.core.op;

import dev.quern.core.op.ConvOp.Conv;
import dev.quern.core.op.ConvOp.ConvTranspose;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/** Convolutions as matrix products over windows, and their checks. */
final class ConvMath {
  private ConvMath() {}

  /**
   * Checks what both kinds have in common.
   *
   * @param channels which axis of the weight holds the input channels of a group
   * @param outputs which axis of the weight holds output channels
   */
  static TensorSpec operands(ConvOp op, List<TensorSpec> in, int channels, int outputs) {
    Infer.arity(op, in, op.bias() ? 3 : 2);
    Infer.floating(op, in);
    Infer.sameDType(op, in);
    TensorSpec x = in.getFirst();
    Shape w = in.get(1).shape();
    int spatial = op.stride().size();
    if (spatial == 0 || x.shape().rank() != 2 + spatial || w.rank() != 2 + spatial) {
      throw Infer.fail(
          op,
          "x and weight must have 2 + " + spatial + " axes, as many spatial ones as strides",
          in);
    }
    boolean lists = op.padding().size() == spatial && op.dilation().size() == spatial;
    for (int i = 0; lists && i < spatial; i++) {
      lists = op.stride().get(i) > 0 && op.padding().get(i) >= 0 && op.dilation().get(i) > 0;
      lists &= w.dim(2 + i) > 0;
    }
    if (!lists) {
      throw Infer.fail(
          op, "needs stride >= 1, padding >= 0, dilation >= 1, window >= 1 per spatial axis", in);
    }
    long each = channels == 0 ? w.dim(0) : w.dim(1) * op.groups();
    boolean grouped = op.groups() > 0 && w.dim(0) % op.groups() == 0;
    if (!grouped || each != x.shape().dim(1)) {
      throw Infer.fail(op, "channels of x and weight don't fit " + op.groups() + " group(s)", in);
    }
    if (op.bias()) {
      long o = outputs == 0 ? w.dim(0) : w.dim(1) * op.groups();
      Infer.shape(op, in.get(2), "bias", Shape.of(o));
    }
    return x;
  }

  /** The extent that a transposed convolution's windows cover together. */
  static long span(ConvOp op, Shape x, Shape w, int i) {
    return (x.dim(2 + i) - 1) * op.stride().get(i)
        + (long) op.dilation().get(i) * (w.dim(2 + i) - 1)
        + 1;
  }

  static Tensor conv(Conv op, List<Tensor> in) {
    Tensor x = in.get(0);
    Tensor w = in.get(1);
    int spatial = op.stride().size();
    long g = op.groups();
    long b = x.shape().dim(0);
    long c = x.shape().dim(1) / g;
    long o = w.shape().dim(0) / g;
    Tensor windows = x;
    for (int i = 0; i < spatial; i++) {
      long p = op.padding().get(i);
      windows = padded(windows, 2 + i, p, p, 0);
    }
    for (int i = 0; i < spatial; i++) {
      long k = w.shape().dim(2 + i);
      windows = windows.windows(2 + i, k, op.stride().get(i), op.dilation().get(i));
    }
    // [b, g, c, n..., k...] to [b, g, n..., c, k...]
    Shape places = windows.shape().slice(2, 2 + spatial);
    Shape kernel = w.shape().slice(2, 2 + spatial);
    Tensor grouped = windows.reshape(Shape.of(b, g, c).concat(places).concat(kernel));
    List<Integer> order = new ArrayList<>(List.of(0, 1));
    range(order, 3, spatial);
    order.add(2);
    range(order, 3 + spatial, spatial);
    Tensor rows = permuted(grouped, order).reshape(b, g, places.elements(), c * kernel.elements());
    Tensor columns = w.reshape(g, o, c * kernel.elements()).transpose();
    Tensor y = rows.matmul(columns).transpose().reshape(Shape.of(b, g * o).concat(places));
    return op.bias() ? y.add(channels(in.get(2), spatial)) : y;
  }

  static Tensor convTranspose(ConvTranspose op, List<Tensor> in) {
    Tensor x = in.get(0);
    Tensor w = in.get(1);
    int spatial = op.stride().size();
    long g = op.groups();
    long b = x.shape().dim(0);
    long c = x.shape().dim(1) / g;
    long o = w.shape().dim(1);
    Shape places = x.shape().slice(2, 2 + spatial);
    Shape kernel = w.shape().slice(2, 2 + spatial);
    Tensor rows = x.reshape(b, g, c, places.elements()).transpose();
    Tensor columns = w.reshape(g, c, o * kernel.elements());
    Shape parts = Shape.of(b, g).concat(places).concat(Shape.of(o)).concat(kernel);
    // [b, g, s..., o, k...] to [b, g·o, s..., k...]
    List<Integer> order = new ArrayList<>(List.of(0, 1, 2 + spatial));
    range(order, 2, spatial);
    range(order, 3 + spatial, spatial);
    Tensor y =
        permuted(rows.matmul(columns).reshape(parts), order)
            .reshape(Shape.of(b, g * o).concat(places).concat(kernel));
    for (int i = spatial - 1; i >= 0; i--) {
      long p = op.padding().get(i);
      long full = span(op, x.shape(), w.shape(), i);
      long n = full - 2 * p + op.outputPadding().get(i);
      long extent = Math.max(full, p + n);
      y = y.fold(2 + i, extent, op.stride().get(i), op.dilation().get(i)).slice(2 + i, p, n);
    }
    return op.bias() ? y.add(channels(in.get(2), spatial)) : y;
  }

  private static void range(List<Integer> to, int from, int count) {
    for (int i = 0; i < count; i++) {
      to.add(from + i);
    }
  }

  private static Tensor permuted(Tensor x, List<Integer> order) {
    return x.permute(order.stream().mapToInt(i -> i).toArray());
  }

  /** [c] as [c, 1...], which broadcasts over spatial axes. */
  static Tensor channels(Tensor x, int spatial) {
    Tensor y = x;
    for (int i = 0; i < spatial; i++) {
      y = y.unsqueeze(-1);
    }
    return y;
  }

  /** A value added at both ends of an axis; what is negative is cut off. */
  static Tensor padded(Tensor x, int axis, long before, long after, double value) {
    long n = x.shape().dim(axis);
    Tensor y = x.slice(axis, Math.max(0, -before), n - Math.max(0, -before) - Math.max(0, -after));
    if (before <= 0 && after <= 0) {
      return y;
    }
    Tensor one = x.scalarLike(value);
    Tensor head = one.expand(x.shape().with(axis, Math.max(0, before)));
    return head.concat(axis, y, one.expand(x.shape().with(axis, Math.max(0, after))));
  }
}
