package dev.quern.core.op;

import dev.quern.core.type.DType;
import dev.quern.core.type.DTypeException;
import dev.quern.core.type.IndexException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Operations that move or convert elements without computing with them. */
public sealed interface DataOp extends Op {

  /**
   * Conversion to another dtype. Floating point to integer truncates towards zero and saturates
   * (NaN gives 0); to BOOL is x ≠ 0; to a narrower float rounds to nearest, ties to even. What lies
   * beyond F8_E4M3's largest number, ±448, becomes that, infinities too (as in PyTorch and under
   * ONNX's {@code saturate}); multiply by a scale first. Gradients don't pass through F8_E4M3. To
   * and from block types quantises and dequantises.
   *
   * @param to the wanted dtype
   */
  record Cast(DType to) implements DataOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      TensorSpec x = in.getFirst();
      boolean block = x.dtype().isBlock() || to.isBlock();
      if (block && x.dtype() != to && x.dtype() != ScalarType.F32 && to != ScalarType.F32) {
        throw new DTypeException(
            "[cast] "
                + x
                + " to "
                + to.name()
                + ": block types convert from and to F32 only;"
                + " cast through F32");
      }
      return List.of(x.as(to));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      DType from = p.input(0).dtype();
      boolean followed = differentiable(from) && differentiable(to);
      return Arrays.asList(followed ? p.gradient().cast(from) : null);
    }

    private static boolean differentiable(DType t) {
      return t.isFloating() && t.isArithmetic();
    }
  }

  /** The elements without gaps, last axis fastest: what views can't do. */
  record Contiguous() implements DataOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 1);
      return in;
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      return List.of(p.gradient());
    }
  }

  /**
   * Tensors one after another along an axis; all other extents equal.
   *
   * @param axis which, from the end if negative
   */
  record Concat(int axis) implements DataOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      if (in.isEmpty()) {
        throw Infer.fail(this, "needs at least one input", in);
      }
      Infer.sameDType(this, in);
      Infer.noBlocks(this, in);
      Shape first = in.getFirst().shape();
      int a = first.axis(axis);
      long extent = 0;
      for (TensorSpec s : in) {
        if (s.shape().rank() != first.rank() || !s.shape().with(a, 0).equals(first.with(a, 0))) {
          throw Infer.fail(this, "all extents but axis " + a + " must be equal", in);
        }
        extent += s.shape().dim(a);
      }
      return List.of(in.getFirst().as(first.with(a, extent)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      List<@Nullable Tensor> d = new ArrayList<>();
      long at = 0;
      for (int i = 0; i < p.inputs().size(); i++) {
        long n = p.input(i).shape().dim(axis);
        d.add(p.needs(i) ? g.slice(axis, at, n) : null);
        at += n;
      }
      return d;
    }
  }

  /**
   * Whole slices by index: y[i..., j..., k...] = x[i..., indices[j...], k...]. Inputs x, indices
   * (I32|I64, any shape). Negative indices count from the end. Of a block type, whose blocks run
   * along the last axis, any other axis may be replaced.
   *
   * @param axis the axis that indices replace
   */
  record IndexSelect(int axis) implements DataOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2);
      Infer.index(this, in.get(1), "indices");
      Shape x = in.get(0).shape();
      int a = x.axis(axis);
      if (a == x.rank() - 1) {
        Infer.noBlocks(this, in);
      }
      Infer.wholeBlocks(this, in.get(0), "x");
      return List.of(
          in.get(0).as(x.slice(0, a).concat(in.get(1).shape()).concat(x.slice(a + 1, x.rank()))));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor zeros = p.input(0).fullLike(0);
      return p.onlyFirst(zeros.indexAdd(axis, p.input(1), p.gradient()));
    }
  }

  /**
   * Single elements by index along one axis: y[..., j, ...] = x[..., indices[..., j, ...], ...].
   * Inputs x, indices (I32|I64) of the same rank. Negative indices count from the end.
   *
   * @param axis the axis that indices address
   */
  record Gather(int axis) implements DataOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2);
      Infer.noBlocks(this, in);
      Infer.index(this, in.get(1), "indices");
      Shape x = in.get(0).shape();
      Shape idx = in.get(1).shape();
      if (x.rank() != idx.rank()) {
        throw Infer.fail(this, "x and indices must have the same rank", in);
      }
      int a = x.axis(axis);
      for (int i = 0; i < x.rank(); i++) {
        if (i != a && idx.dim(i) > x.dim(i)) {
          throw Infer.fail(this, "indices are longer than x on axis " + i, in);
        }
      }
      return List.of(in.get(0).as(idx));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor zeros = p.input(0).fullLike(0);
      return p.onlyFirst(zeros.scatterAdd(axis, p.input(1), p.gradient()));
    }
  }

  /** c ? a : b with broadcasting. Inputs c (BOOL), a, b (one dtype). */
  record Where() implements DataOp {
    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 3);
      Infer.require(this, in.get(0), "condition", ScalarType.BOOL);
      List<TensorSpec> ab = in.subList(1, 3);
      Infer.sameDType(this, ab);
      Infer.noBlocks(this, ab);
      Shape s = Shape.broadcast(name(), in.get(1).shape(), in.get(2).shape());
      return List.of(in.get(1).as(Shape.broadcast(name(), in.get(0).shape(), s)));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor g = p.gradient();
      Tensor zero = g.scalarLike(0);
      Tensor c = p.input(0);
      return Arrays.asList(
          null,
          p.needs(1) ? c.where(g, zero).sumTo(p.input(1).shape()) : null,
          p.needs(2) ? c.where(zero, g).sumTo(p.input(2).shape()) : null);
    }
  }

  /**
   * Rows of a table: y[..., d] = table[ids[...], d]. Inputs table [v, d] (any dtype, block types
   * too), ids (I32|I64). An id outside 0..v−1 is an error.
   *
   * @param to dtype of the result: the table's own, or F32
   */
  record Embedding(ScalarType to) implements DataOp {
    /**
     * What a kernel checks of each id before it reads a row.
     *
     * @param i index of the id, counted without axes
     * @param id its value
     * @param vocabulary rows of the table
     * @throws IndexException if the table has no such row
     */
    public static void requireRow(long i, long id, long vocabulary) {
      if (id < 0 || id >= vocabulary) {
        throw new IndexException(
            "[embedding] ids["
                + i
                + "] (counted without axes) is "
                + id
                + ", outside 0.."
                + (vocabulary - 1)
                + "; correct the ids, or enlarge the table");
      }
    }

    @Override
    public List<TensorSpec> infer(List<TensorSpec> in) {
      Infer.arity(this, in, 2);
      TensorSpec table = in.get(0);
      Infer.index(this, in.get(1), "ids");
      if (table.shape().rank() != 2) {
        throw Infer.fail(this, "table must be [vocabulary, dim]", in);
      }
      if (table.dtype() != to && to != ScalarType.F32) {
        throw new DTypeException(
            "[embedding] can give "
                + table.dtype().name()
                + " or F32 from table "
                + table
                + ", not "
                + to.name());
      }
      return List.of(new TensorSpec(to, in.get(1).shape().concat(Shape.of(table.shape().dim(1)))));
    }

    @Override
    public List<@Nullable Tensor> vjp(Backward p) {
      Tensor table = p.input(0);
      if (!table.dtype().isArithmetic()) {
        return Arrays.asList(null, null);
      }
      Tensor ids = p.input(1);
      Tensor g = p.gradient();
      Tensor sum = g.fullLike(0, table.shape()).indexAdd(0, ids, g);
      return p.onlyFirst(sum.cast(table.dtype()));
    }
  }
}
