package dev.quern.core.onnx;

import dev.quern.core.onnx.OnnxOps.Expression;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Views, joins, look-ups and constants. */
final class OnnxShapes {
  private OnnxShapes() {}

  static void add(Map<String, Expression> ops) {
    ops.put("Reshape", c -> List.of(reshape(c)));
    ops.put("Flatten", c -> List.of(flatten(c)));
    ops.put("Transpose", c -> List.of(transpose(c)));
    ops.put("Squeeze", c -> List.of(squeeze(c)));
    ops.put("Unsqueeze", c -> List.of(unsqueeze(c)));
    ops.put("Expand", c -> List.of(expand(c.in(0), c.longs(1))));
    ops.put("Concat", c -> List.of(concat(c)));
    ops.put("Split", OnnxShapes::split);
    ops.put("Slice", c -> List.of(slice(c)));
    ops.put("Gather", c -> List.of(c.in(0).indexSelect(axis(c), c.in(1))));
    ops.put("GatherElements", c -> List.of(c.in(0).gather(axis(c), c.in(1))));
    ops.put("Tile", c -> List.of(tile(c.in(0), c.longs(1))));
    ops.put("Trilu", c -> List.of(trilu(c)));
    ops.put("EyeLike", c -> List.of(eyeLike(c)));
    ops.put("Hardmax", c -> List.of(hardmax(c)));
    ops.put("OneHot", c -> List.of(oneHot(c)));
    ops.put("DepthToSpace", c -> List.of(depthToSpace(c)));
    ops.put("SpaceToDepth", c -> List.of(spaceToDepth(c)));
    ops.put("Shape", c -> List.of(shape(c)));
    ops.put("Size", c -> List.of(scalar(c, c.in(0).shape().elements())));
    ops.put("Range", c -> List.of(range(c)));
    ops.put("ConstantOfShape", c -> List.of(constantOfShape(c)));
  }

  private static int axis(OnnxCase c) {
    return (int) c.integer("axis", 0);
  }

  private static Tensor reshape(OnnxCase c) {
    Tensor x = c.in(0);
    long[] dims = c.longs(1);
    if (c.integer("allowzero", 0) == 0) {
      for (int i = 0; i < dims.length; i++) {
        dims[i] = dims[i] == 0 ? x.shape().dim(i) : dims[i];
      }
    }
    return x.reshape(dims);
  }

  private static Tensor flatten(OnnxCase c) {
    Shape s = c.in(0).shape();
    int axis = (int) c.integer("axis", 1);
    axis = axis < 0 ? axis + s.rank() : axis;
    return c.in(0).reshape(s.slice(0, axis).elements(), s.slice(axis, s.rank()).elements());
  }

  private static Tensor transpose(OnnxCase c) {
    int rank = c.in(0).shape().rank();
    int[] reversed = IntStream.range(0, rank).map(a -> rank - 1 - a).toArray();
    return c.in(0).permute(c.hasAttribute("perm") ? c.integers("perm") : reversed);
  }

  private static Tensor squeeze(OnnxCase c) {
    Tensor x = c.in(0);
    int[] axes = Arrays.stream(c.longs(1)).mapToInt(a -> c.in(0).shape().axis((int) a)).toArray();
    Arrays.sort(axes);
    for (int i = axes.length - 1; i >= 0; i--) {
      x = x.squeeze(axes[i]);
    }
    return x;
  }

  /** Axes are positions in the result. */
  private static Tensor unsqueeze(OnnxCase c) {
    Tensor x = c.in(0);
    int rank = x.shape().rank() + c.longs(1).length;
    long[] axes = Arrays.stream(c.longs(1)).map(a -> a < 0 ? a + rank : a).sorted().toArray();
    for (long a : axes) {
      x = x.unsqueeze((int) a);
    }
    return x;
  }

  private static Tensor expand(Tensor x, long[] dims) {
    return x.expand(Shape.broadcast("expand", x.shape(), Shape.of(dims)));
  }

  private static Tensor concat(OnnxCase c) {
    Tensor[] rest = new Tensor[c.inputCount() - 1];
    for (int i = 0; i < rest.length; i++) {
      rest[i] = c.in(i + 1);
    }
    return c.in(0).concat(axis(c), rest);
  }

  private static List<Tensor> split(OnnxCase c) {
    long extent = c.in(0).shape().dim(axis(c));
    if (c.has(1)) {
      return c.in(0).split(axis(c), c.longs(1));
    }
    int parts = c.expected().size();
    long each = Math.ceilDiv(extent, (long) parts);
    long[] lengths =
        LongStream.range(0, parts).map(i -> Math.min(each, extent - i * each)).toArray();
    return c.in(0).split(axis(c), lengths);
  }

  /** Starts and ends are clamped, as in Python. */
  private static Tensor slice(OnnxCase c) {
    Tensor x = c.in(0);
    long[] starts = c.longs(1);
    long[] ends = c.longs(2);
    for (int i = 0; i < starts.length; i++) {
      int axis = c.has(3) ? (int) c.longs(3)[i] : i;
      long step = c.has(4) ? c.longs(4)[i] : 1;
      long n = x.shape().dim(axis);
      long from = clamp(starts[i], n, step);
      long to = clamp(ends[i], n, step);
      long length =
          Math.max(0, step > 0 ? Math.ceilDiv(to - from, step) : Math.ceilDiv(from - to, -step));
      x = x.slice(axis, length == 0 ? 0 : from, length, step);
    }
    return x;
  }

  private static long clamp(long index, long n, long step) {
    long i = index < 0 ? index + n : index;
    return step > 0 ? Math.max(0, Math.min(i, n)) : Math.max(-1, Math.min(i, n - 1));
  }

  private static Tensor tile(Tensor x, long[] repeats) {
    Tensor t = x;
    for (int a = 0; a < repeats.length; a++) {
      Shape s = t.shape();
      t = t.unsqueeze(a).expand(s.insert(a, repeats[a])).reshape(s.with(a, s.dim(a) * repeats[a]));
    }
    return t;
  }

  private static Tensor trilu(OnnxCase c) {
    Tensor x = c.in(0);
    long k = c.has(1) ? c.longs(1)[0] : 0;
    Tensor row = c.engine.arange(ScalarType.I64, 0, 1, x.shape().dim(-2)).unsqueeze(-1);
    Tensor column = c.engine.arange(ScalarType.I64, 0, 1, x.shape().dim(-1));
    Tensor diagonal = row.add(k);
    boolean upper = c.integer("upper", 1) == 1;
    Tensor kept = upper ? column.greaterEqual(diagonal) : column.lessEqual(diagonal);
    return kept.where(x, x.scalarLike(0));
  }

  private static Tensor eyeLike(OnnxCase c) {
    Shape s = c.in(0).shape();
    Tensor row = c.engine.arange(ScalarType.I64, 0, 1, s.dim(0)).unsqueeze(-1);
    Tensor column = c.engine.arange(ScalarType.I64, 0, 1, s.dim(1));
    return column.equal(row.add((double) c.integer("k", 0))).cast(c.dtype("dtype"));
  }

  /** 1 at the first largest element of a line, 0 elsewhere. */
  private static Tensor hardmax(OnnxCase c) {
    Tensor x = c.in(0);
    int axis = x.shape().axis((int) c.integer("axis", -1));
    return positions(c, x.shape().dim(axis), x.shape().rank() - axis - 1)
        .equal(x.argMax(axis, true))
        .cast(x.dtype());
  }

  /** 0, 1, 2... along an axis with some axes of extent 1 behind it. */
  private static Tensor positions(OnnxCase c, long extent, int behind) {
    Tensor p = c.engine.arange(ScalarType.I64, 0, 1, extent);
    for (int a = 0; a < behind; a++) {
      p = p.unsqueeze(-1);
    }
    return p;
  }

  /** A negative index counts from the end, one outside gives "off" everywhere. */
  private static Tensor oneHot(OnnxCase c) {
    Tensor ids = c.in(0).cast(ScalarType.I64);
    long depth = (long) c.in(1).item();
    int rank = ids.shape().rank() + 1;
    int axis = (int) c.integer("axis", -1);
    axis = axis < 0 ? axis + rank : axis;
    Tensor wrapped = ids.less(ids.scalarLike(0)).where(ids.add((double) depth), ids);
    Tensor hot = positions(c, depth, rank - axis - 1).equal(wrapped.unsqueeze(axis));
    return hot.where(c.in(2).select(0, 1), c.in(2).select(0, 0));
  }

  private static Tensor depthToSpace(OnnxCase c) {
    Shape s = c.in(0).shape();
    long b = c.integer("blocksize", 1);
    long depth = s.dim(1) / (b * b);
    boolean depthFirst = c.text("mode", "DCR").equals("DCR");
    Tensor x =
        depthFirst
            ? c.in(0).reshape(s.dim(0), b, b, depth, s.dim(2), s.dim(3)).permute(0, 3, 4, 1, 5, 2)
            : c.in(0).reshape(s.dim(0), depth, b, b, s.dim(2), s.dim(3)).permute(0, 1, 4, 2, 5, 3);
    return x.reshape(s.dim(0), depth, s.dim(2) * b, s.dim(3) * b);
  }

  private static Tensor spaceToDepth(OnnxCase c) {
    Shape s = c.in(0).shape();
    long b = c.integer("blocksize", 1);
    return c.in(0)
        .reshape(s.dim(0), s.dim(1), s.dim(2) / b, b, s.dim(3) / b, b)
        .permute(0, 3, 5, 1, 2, 4)
        .reshape(s.dim(0), s.dim(1) * b * b, s.dim(2) / b, s.dim(3) / b);
  }

  private static Tensor shape(OnnxCase c) {
    long[] dims = c.in(0).shape().dims();
    int rank = dims.length;
    int from = bound((int) c.integer("start", 0), rank);
    int to = bound((int) c.integer("end", rank), rank);
    return c.engine.tensor(Arrays.copyOfRange(dims, from, to));
  }

  private static int bound(int i, int rank) {
    return Math.clamp(i < 0 ? i + rank : i, 0, rank);
  }

  private static Tensor scalar(OnnxCase c, long value) {
    return c.engine.tensor(new long[] {value}).reshape(Shape.SCALAR);
  }

  private static Tensor range(OnnxCase c) {
    double start = c.in(0).item();
    double step = c.in(2).item();
    long n = Math.max(0, (long) Math.ceil((c.in(1).item() - start) / step));
    return c.engine.arange((ScalarType) c.in(0).dtype(), start, step, n);
  }

  private static Tensor constantOfShape(OnnxCase c) {
    ScalarType type = c.elementType("value", ScalarType.F32);
    List<Tensor> none = new ArrayList<>();
    return c.engine
        .apply(new CreateOp.Full(type, Shape.of(c.longs(0)), c.element("value", 0)), none)
        .getFirst();
  }
}
