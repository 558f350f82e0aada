package dev.quern.core.plan;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.FusedProduct;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.MatMulOp.Linear;
import dev.quern.core.op.NormGradOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.ReduceOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.plan.Recorder.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The fused calls of training: linear maps before activations, sums of products, norms beside
 * residual connections, and sums of squares.
 */
final class TrainingFusion {
  private final StepGraph graph;

  private TrainingFusion(StepGraph graph) {
    this.graph = graph;
  }

  /** Fuses what there is. */
  static void apply(StepGraph graph) {
    TrainingFusion f = new TrainingFusion(graph);
    for (int i = 0; i < graph.size(); i++) {
      f.fuseActivation(i);
      f.fuseNormGrad(i);
      f.fuseSquares(i);
    }
    for (int i = graph.size() - 1; i >= 0; i--) { // the last sum first: the others are its parts
      f.fuseSum(i);
    }
  }

  /**
   * A linear map, its activation, and the activation's gradient, if nobody else reads the map's
   * result: its value becomes the slope, with which the product before the gradient is multiplied.
   */
  private void fuseActivation(int i) {
    Step map = graph.step(i);
    if (map == null || !(map.op() instanceof Linear(boolean bias))) {
      return;
    }
    Tensor h = map.out().getFirst();
    if (graph.readers(h) != 2) {
      return;
    }
    int at = graph.reader(h, 0, i + 1);
    int end = graph.reader(h, 1, i + 1);
    Step f = at < 0 ? null : graph.step(at);
    Step gradient = end < 0 ? null : graph.step(end);
    if (f == null || gradient == null || !isGradient(gradient.op(), f.op())) {
      return;
    }
    Step product = matMulFor(gradient.in().getFirst(), end);
    if (product == null) {
      return;
    }
    Op op =
        new FusedProduct.LinearActivation((UnaryOp) f.op(), (ActivationGradOp) gradient.op(), bias);
    List<Tensor> out = List.of(h, f.out().getFirst());
    List<Tensor> in = new ArrayList<>(product.in());
    in.add(h);
    List<Step> first = List.of(map, f);
    List<Step> second = List.of(product, gradient);
    Step forward = graph.whole(op, map.in(), out, first);
    Step backward = graph.whole(new FusedProduct.MatMulMul(), in, gradient.out(), second);
    if (forward != null && backward != null) {
      graph.put(forward, i, first);
      graph.put(backward, end, second);
    }
  }

  private static boolean isGradient(Op gradient, Op of) {
    return switch (of) {
      case UnaryOp.Gelu(boolean tanh) -> gradient.equals(new ActivationGradOp.GeluGrad(tanh));
      case UnaryOp.Silu _ -> gradient instanceof ActivationGradOp.SiluGrad;
      default -> false;
    };
  }

  private void fuseSum(int i) {
    List<Step> products = new ArrayList<>();
    List<Step> parts = new ArrayList<>();
    Step last = graph.step(i);
    for (Step add = last; add != null && add.op() instanceof BinaryOp.Add; ) {
      parts.add(add);
      Tensor left = add.in().getFirst();
      Step product = matMulFor(add.in().get(1), i);
      if (product == null || !left.shape().equals(add.in().get(1).shape())) {
        return;
      }
      products.addFirst(product);
      Step first = matMulFor(left, i);
      int at = graph.onlyFor(left);
      add = first != null || at < 0 ? null : graph.step(at);
      if (first != null) {
        products.addFirst(first);
        parts.addAll(products);
        List<Tensor> in = products.stream().flatMap(p -> p.in().stream()).toList();
        Step end = Objects.requireNonNull(last);
        graph.replace(new FusedProduct.MatMulSum(products.size()), in, end.out(), i, parts);
      }
    }
  }

  /** The sum moves up to the gradient, which has more results than the one that is added. */
  private void fuseNormGrad(int i) {
    Step add = graph.step(i);
    if (add == null || !(add.op() instanceof BinaryOp.Add)) {
      return;
    }
    for (int side : new int[] {1, 0}) {
      Tensor dx = add.in().get(side);
      Tensor residual = add.in().get(1 - side);
      int at = graph.onlyFor(dx);
      Step gradient = at < 0 ? null : graph.step(at);
      if (gradient != null
          && gradient.op() instanceof NormGradOp op
          && isBefore(residual, at)
          && dx.shape().equals(residual.shape())) {
        List<Tensor> in = new ArrayList<>(gradient.in());
        in.add(residual);
        List<Tensor> out = new ArrayList<>(gradient.out());
        out.set(0, add.out().getFirst());
        if (graph.replace(new FusedOp.NormGradAdd(op), in, out, at, List.of(gradient, add))) {
          return;
        }
      }
    }
  }

  private boolean isBefore(Tensor t, int at) {
    int made = graph.producer(t);
    return made >= 0 && made < at;
  }

  private void fuseSquares(int i) {
    Step sum = graph.step(i);
    if (sum == null
        || !(sum.op() instanceof ReduceOp.Sum)
        || sum.out().getFirst().shape().rank() > 0) {
      return;
    }
    int at = graph.onlyFor(sum.in().getFirst());
    Step mul = at < 0 ? null : graph.step(at);
    if (mul != null
        && mul.op() instanceof BinaryOp.Mul
        && graph.isSame(mul.in().get(0), mul.in().get(1))) {
      graph.replace(
          new FusedOp.SquareSum(), mul.in().subList(0, 1), sum.out(), i, List.of(mul, sum));
    }
  }

  /** The operand's maker, if it is a product of values that step i may compute. */
  private @Nullable Step matMulFor(Tensor operand, int i) {
    int at = graph.onlyFor(operand);
    Step s = at < 0 ? null : graph.step(at);
    boolean product =
        s != null
            && s.op() instanceof MatMulOp.MatMul
            && s.in().stream().allMatch(t -> graph.isKept(t, at, i));
    return product ? s : null;
  }
}
