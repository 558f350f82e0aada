package dev.quern.core.torch;

import static dev.quern.core.torch.TorchOps.put;
import static dev.quern.core.torch.TorchOps.putAll;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Views, joins, look-ups and padding. */
final class TorchShapes {
  private TorchShapes() {}

  static void add() {
    put("transpose", c -> c.in("input").transpose(axis(c, "dim0"), axis(c, "dim1")));
    put("permute", c -> c.in("input").permute(c.integers("dims")));
    put("reshape", c -> c.in("input").reshape(longs(c.integers("shape"))));
    put("expand", c -> expand(c.in("input"), c.integers("size")));
    put("slice", TorchShapes::slice);
    put("cat", c -> joined(c, false));
    put("stack", c -> joined(c, true));
    putAll("split", TorchShapes::split);
    putAll("chunk", TorchShapes::chunk);
    put("gather", c -> c.in("input").gather(axis(c, "dim"), c.in("index")));
    put("index_select", c -> c.in("input").indexSelect(axis(c, "dim"), c.in("index")));
    put("scatter_add", TorchShapes::scatterAdd);
    put("triu", c -> triangle(c.in("input"), c.integer("diagonal", 0), true));
    put("tril", c -> triangle(c.in("input"), c.integer("diagonal", 0), false));
    put("pad", TorchShapes::pad);
  }

  private static int axis(TorchCase c, String name) {
    return (int) c.integer(name, 0);
  }

  private static long[] longs(int[] values) {
    return Arrays.stream(values).asLongStream().toArray();
  }

  private static Tensor expand(Tensor x, int[] size) {
    Shape to = Shape.of();
    int extra = size.length - x.shape().rank();
    for (int i = 0; i < size.length; i++) {
      to = to.concat(Shape.of(size[i] == -1 ? x.shape().dim(i - extra) : size[i]));
    }
    return x.expand(to);
  }

  private static Tensor slice(TorchCase c) {
    Tensor x = c.in("input");
    int a = axis(c, "dim");
    long n = x.shape().dim(a);
    long step = c.integer("step", 1);
    long start = bound(c.integer("start", 0), n);
    long end = Math.max(start, bound(c.integer("end", Long.MAX_VALUE), n));
    return x.slice(a, start, Math.ceilDiv(end - start, step), step);
  }

  private static long bound(long i, long n) {
    return Math.clamp(i < 0 ? i + n : i, 0L, n);
  }

  private static Tensor joined(TorchCase c, boolean stack) {
    List<Tensor> all = c.list("tensors");
    Tensor[] rest = all.subList(1, all.size()).toArray(Tensor[]::new);
    int a = axis(c, "dim");
    return stack
        ? all.getFirst().stack(a < 0 ? a + all.getFirst().shape().rank() + 1 : a, rest)
        : all.getFirst().concat(a, rest);
  }

  private static List<Tensor> split(TorchCase c) {
    Tensor x = c.in("input");
    int a = axis(c, "dim");
    int[] sizes = c.integers(c.isSet("split_size") ? "split_size" : "split_sizes");
    return sizes.length == 1 ? pieces(x, a, sizes[0]) : x.split(a, longs(sizes));
  }

  private static List<Tensor> chunk(TorchCase c) {
    Tensor x = c.in("input");
    int a = axis(c, "dim");
    return pieces(x, a, Math.ceilDiv(x.shape().dim(a), c.integer("chunks", 1)));
  }

  private static List<Tensor> pieces(Tensor x, int axis, long size) {
    List<Tensor> parts = new ArrayList<>();
    for (long at = 0; at < x.shape().dim(axis); at += size) {
      parts.add(x.slice(axis, at, Math.min(size, x.shape().dim(axis) - at)));
    }
    return parts;
  }

  private static Tensor scatterAdd(TorchCase c) {
    Tensor index = c.in("index");
    Tensor source = c.in("src");
    for (int a = 0; a < index.shape().rank(); a++) {
      if (source.shape().dim(a) > index.shape().dim(a)) {
        source = source.slice(a, 0, index.shape().dim(a));
      }
    }
    return c.in("input").scatterAdd(axis(c, "dim"), index, source);
  }

  private static Tensor triangle(Tensor x, long diagonal, boolean upper) {
    Tensor column = x.arange(ScalarType.I64, x.shape().dim(-1));
    Tensor row = x.arange(ScalarType.I64, x.shape().dim(-2)).unsqueeze(-1).add(diagonal);
    Tensor kept = upper ? column.greaterEqual(row) : column.lessEqual(row);
    return kept.where(x, x.scalarLike(0));
  }

  private static Tensor pad(TorchCase c) {
    Tensor x = c.in("input");
    int[] pad = c.integers("pad");
    String mode = c.text("mode", "constant");
    for (int i = 0; i < pad.length / 2; i++) {
      int a = x.shape().rank() - 1 - i;
      x =
          mode.equals("constant")
              ? x.pad(a, pad[2 * i], pad[2 * i + 1], c.number("value", 0))
              : x.indexSelect(a, places(c, mode, x.shape().dim(a), pad[2 * i], pad[2 * i + 1]));
    }
    return x;
  }

  private static Tensor places(TorchCase c, String mode, long n, long before, long after) {
    long[] at = new long[Math.toIntExact(before + n + after)];
    for (int i = 0; i < at.length; i++) {
      long p = i - before;
      at[i] =
          switch (mode) {
            case "reflect" -> {
              long q = Math.abs(p);
              yield q < n ? q : 2 * (n - 1) - q;
            }
            case "replicate" -> Math.clamp(p, 0L, n - 1);
            case "circular" -> Math.floorMod(p, n);
            default -> throw new TorchCase.Uncovered("pad mode " + mode);
          };
    }
    return c.engine().tensor(at, at.length);
  }
}
