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
import dev.quern.core.plan.Recorder.Source;
import dev.quern.core.plan.Recorder.Step;
import dev.quern.core.spi.KernelRegistry.Choice;
import dev.quern.core.spi.KernelSignature;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Puts {@link FusedOp}s in the place of their parts: gated feed-forward layers, residual
 * connections after products, products of one left operand; in training also linear maps before
 * activations, sums of products, norms beside residual connections, and sums of squares.
 *
 * <p>A value that nobody else reads may disappear into the call that reads it. A call moves down to
 * the last of its parts, or up to the first if all it needs is there; nothing it reads changes in
 * between: values of the plan and constants never do, and a call that reads a buffer, a weight in
 * training, moves past others only if none of them writes to it. Parts are fused only if one
 * provider runs them all and has a kernel for the whole at their precision.
 */
final class Fusion {
  private final Eager eager;
  private final Function<Tensor, Source> sources;
  private final List<@Nullable Step> steps;
  private final Map<Workspace.Value, Integer> readers = new HashMap<>();
  private final Map<Workspace.Value, Integer> producer = new HashMap<>();

  private Fusion(
      List<Step> steps, Collection<Tensor> outputs, Function<Tensor, Source> sources, Eager eager) {
    this.eager = eager;
    this.sources = sources;
    this.steps = new ArrayList<>(steps);
    for (int i = 0; i < steps.size(); i++) {
      steps.get(i).in().forEach(this::read);
      for (Tensor t : steps.get(i).out()) {
        producer.put(value(t), i);
      }
    }
    outputs.forEach(this::read);
  }

  /**
   * The fused calls.
   *
   * @param steps in order
   * @param outputs what the plan hands out
   * @param sources what symbolic tensors are made of
   * @param eager where kernels are chosen
   * @return the calls that are left, in order
   */
  static List<Step> of(
      List<Step> steps, Collection<Tensor> outputs, Function<Tensor, Source> sources, Eager eager) {
    Fusion f = new Fusion(steps, outputs, sources, eager);
    for (int i = 0; i < steps.size(); i++) {
      f.fuseFeedForward(i);
    }
    for (int i = 0; i < steps.size(); i++) {
      f.fuseResidual(i);
    }
    for (int i = 0; i < steps.size(); i++) {
      f.fuseSiblings(i);
    }
    for (int i = 0; i < steps.size(); i++) {
      f.fuseActivation(i);
      f.fuseNormGrad(i);
      f.fuseSquares(i);
    }
    for (int i = steps.size() - 1; i >= 0; i--) { // the last sum first: the others are its parts
      f.fuseSum(i);
    }
    List<Step> left = new ArrayList<>();
    for (Step s : f.steps) {
      if (s != null) {
        left.add(s);
      }
    }
    return left;
  }

  private Workspace.@Nullable Value value(Tensor t) {
    return t.hasValues() ? null : sources.apply(t).value();
  }

  private void read(Tensor t) {
    Workspace.Value v = value(t);
    if (v != null) {
      readers.merge(v, 1, Integer::sum);
    }
  }

  /**
   * Where a value is made that only this operand reads, in the shape and the layout in which it was
   * made; −1 if not so. A reshape in between would give the fused call other extents than its parts
   * had.
   */
  private int onlyFor(Tensor operand) {
    Workspace.Value v = value(operand);
    if (v == null || readers.getOrDefault(v, 0) != 1) {
      return -1;
    }
    int at = producer.getOrDefault(v, -1);
    Step made = at < 0 ? null : steps.get(at);
    boolean whole = made != null && isSame(operand, made.out().getFirst());
    return whole ? at : -1;
  }

  /** The operand's maker, if it is a product without bias that step i may compute. */
  private @Nullable Step productFor(Tensor operand, int i) {
    int at = onlyFor(operand);
    Step s = at < 0 ? null : steps.get(at);
    boolean product =
        s != null && s.op().equals(new Linear(false)) && isFixed(s.in().get(1), at, i);
    return product ? s : null;
  }

  /** Whether a weight is the same at both steps: memory that none between writes. */
  private boolean isFixed(Tensor t, int from, int to) {
    if (!t.hasValues()) {
      return false;
    }
    for (int i = from; t.storage().isMutable() && i <= to; i++) {
      Step s = steps.get(i);
      if (s != null && s.op().writes().stream().anyMatch(w -> isStorage(s.in().get(w), t))) {
        return false;
      }
    }
    return true;
  }

  private static boolean isStorage(Tensor a, Tensor b) {
    return a.hasValues() && a.storage() == b.storage();
  }

  private boolean areFixed(List<Tensor> tensors, int from, int to) {
    return tensors.stream().allMatch(t -> isFixed(t, from, to));
  }

  private boolean isSame(Tensor a, Tensor b) {
    Workspace.Value v = value(a);
    return v != null && v == value(b) && a.layout().equals(b.layout());
  }

  private void fuseFeedForward(int i) {
    Step down = steps.get(i);
    if (down == null || !down.op().equals(new Linear(false)) || !isFixed(down.in().get(1), i, i)) {
      return;
    }
    int at = onlyFor(down.in().getFirst());
    Step gated = at < 0 ? null : steps.get(at);
    if (gated == null
        || !(gated.op() instanceof BinaryOp.SwiGlu || gated.op() instanceof BinaryOp.GeGlu)) {
      return;
    }
    Step gate = productFor(gated.in().get(0), i);
    Step up = productFor(gated.in().get(1), i);
    if (gate == null || up == null || !isSame(gate.in().getFirst(), up.in().getFirst())) {
      return;
    }
    Tensor gateWeight = gate.in().get(1);
    Tensor upWeight = up.in().get(1);
    if (!gateWeight.spec().equals(upWeight.spec())) {
      return;
    }
    Op op = new FusedOp.GatedFeedForward((BinaryOp) gated.op(), false);
    List<Tensor> in = List.of(gate.in().getFirst(), gateWeight, upWeight, down.in().get(1));
    replace(op, in, down.out(), i, List.of(gate, up, gated, down));
  }

  private void fuseResidual(int i) {
    Step add = steps.get(i);
    if (add == null || !(add.op() instanceof BinaryOp.Add)) {
      return;
    }
    for (int side : new int[] {1, 0}) {
      Tensor sum = add.in().get(side);
      Tensor residual = add.in().get(1 - side);
      int at = onlyFor(sum);
      Step product = at < 0 ? null : steps.get(at);
      if (product == null
          || !sum.shape().equals(residual.shape())
          || value(product.in().getFirst()) == null) {
        continue;
      }
      Op op =
          switch (product.op()) {
            case Linear(boolean bias) -> new FusedOp.LinearAdd(bias);
            case FusedOp.GatedFeedForward(BinaryOp gate, boolean added) when !added ->
                new FusedOp.GatedFeedForward(gate, true);
            default -> null;
          };
      if (op == null || !areFixed(product.in().subList(1, product.in().size()), at, i)) {
        continue;
      }
      List<Tensor> in = new ArrayList<>(product.in());
      in.add(residual);
      if (replace(op, in, add.out(), i, List.of(product, add))) {
        return;
      }
    }
  }

  private void fuseSiblings(int i) {
    Step first = steps.get(i);
    if (first == null || !(first.op() instanceof Linear(boolean bias)) || !isSibling(i, i)) {
      return;
    }
    List<Step> parts = siblings(i);
    if (parts.size() < 2) {
      return;
    }
    List<Tensor> in = new ArrayList<>(first.in().subList(0, 1));
    for (int operand = 1; operand < first.in().size(); operand++) {
      for (Step s : parts) {
        in.add(s.in().get(operand));
      }
    }
    List<Tensor> out = parts.stream().map(s -> s.out().getFirst()).toList();
    replace(new FusedOp.Linears(parts.size(), bias), in, out, i, parts);
  }

  /**
   * Products of the left operand of step i, until one of them is read: a later one's result would
   * wait beside those that are in use, and of many layers all at once.
   */
  private List<Step> siblings(int i) {
    List<Step> parts = new ArrayList<>();
    for (int j = i; j < steps.size(); j++) {
      Step s = steps.get(j);
      if (s != null && parts.stream().anyMatch(p -> readsFrom(s, p))) {
        return parts;
      }
      if (s != null && isSibling(i, j)) {
        parts.add(s);
      }
    }
    return parts;
  }

  private boolean readsFrom(Step s, Step maker) {
    Workspace.Value made = value(maker.out().getFirst());
    return s.in().stream().anyMatch(t -> value(t) == made);
  }

  private boolean isSibling(int i, int j) {
    Step first = Objects.requireNonNull(steps.get(i));
    Step s = Objects.requireNonNull(steps.get(j));
    return s.op().equals(first.op())
        && isSame(first.in().getFirst(), s.in().getFirst())
        && areFixed(s.in().subList(1, s.in().size()), i, j);
  }

  /**
   * A linear map, its activation, and the activation's gradient, if nobody else reads the map's
   * result: its value becomes the slope, with which the product before the gradient is multiplied.
   */
  private void fuseActivation(int i) {
    Step map = steps.get(i);
    if (map == null || !(map.op() instanceof Linear(boolean bias))) {
      return;
    }
    Tensor h = map.out().getFirst();
    if (readers.getOrDefault(value(h), 0) != 2) {
      return;
    }
    int at = reader(h, 0, i + 1);
    int end = reader(h, 1, i + 1);
    Step f = at < 0 ? null : steps.get(at);
    Step gradient = end < 0 ? null : steps.get(end);
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
    Step forward = whole(op, map.in(), out, first);
    Step backward = whole(new FusedProduct.MatMulMul(), in, gradient.out(), second);
    if (forward != null && backward != null) {
      put(forward, i, first);
      put(backward, end, second);
    }
  }

  /** The step that reads a value, as it was made, as its operand of this number; −1 if none. */
  private int reader(Tensor of, int operand, int from) {
    for (int i = from; i < steps.size(); i++) {
      Step s = steps.get(i);
      if (s != null && s.in().size() > operand && isSame(s.in().get(operand), of)) {
        return i;
      }
    }
    return -1;
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
    Step last = steps.get(i);
    for (Step add = last; add != null && add.op() instanceof BinaryOp.Add; ) {
      parts.add(add);
      Tensor left = add.in().getFirst();
      Step product = matMulFor(add.in().get(1), i);
      if (product == null || !left.shape().equals(add.in().get(1).shape())) {
        return;
      }
      products.addFirst(product);
      Step first = matMulFor(left, i);
      int at = onlyFor(left);
      add = first != null || at < 0 ? null : steps.get(at);
      if (first != null) {
        products.addFirst(first);
        parts.addAll(products);
        List<Tensor> in = products.stream().flatMap(p -> p.in().stream()).toList();
        Step end = Objects.requireNonNull(last);
        replace(new FusedProduct.MatMulSum(products.size()), in, end.out(), i, parts);
      }
    }
  }

  /** The sum moves up to the gradient, which has more results than the one that is added. */
  private void fuseNormGrad(int i) {
    Step add = steps.get(i);
    if (add == null || !(add.op() instanceof BinaryOp.Add)) {
      return;
    }
    for (int side : new int[] {1, 0}) {
      Tensor dx = add.in().get(side);
      Tensor residual = add.in().get(1 - side);
      int at = onlyFor(dx);
      Step gradient = at < 0 ? null : steps.get(at);
      if (gradient != null
          && gradient.op() instanceof NormGradOp op
          && value(residual) != null
          && producer.getOrDefault(value(residual), at) < at
          && dx.shape().equals(residual.shape())) {
        List<Tensor> in = new ArrayList<>(gradient.in());
        in.add(residual);
        List<Tensor> out = new ArrayList<>(gradient.out());
        out.set(0, add.out().getFirst());
        if (replace(new FusedOp.NormGradAdd(op), in, out, at, List.of(gradient, add))) {
          return;
        }
      }
    }
  }

  private void fuseSquares(int i) {
    Step sum = steps.get(i);
    if (sum == null
        || !(sum.op() instanceof ReduceOp.Sum)
        || sum.out().getFirst().shape().rank() > 0) {
      return;
    }
    int at = onlyFor(sum.in().getFirst());
    Step mul = at < 0 ? null : steps.get(at);
    if (mul != null
        && mul.op() instanceof BinaryOp.Mul
        && isSame(mul.in().get(0), mul.in().get(1))) {
      replace(new FusedOp.SquareSum(), mul.in().subList(0, 1), sum.out(), i, List.of(mul, sum));
    }
  }

  /** The operand's maker, if it is a product of values that step i may compute. */
  private @Nullable Step matMulFor(Tensor operand, int i) {
    int at = onlyFor(operand);
    Step s = at < 0 ? null : steps.get(at);
    boolean product =
        s != null
            && s.op() instanceof MatMulOp.MatMul
            && s.in().stream().allMatch(t -> !t.hasValues() || isFixed(t, at, i));
    return product ? s : null;
  }

  /** Puts one call in the place of its parts, at step i, if whoever runs the parts has a kernel. */
  private boolean replace(Op op, List<Tensor> in, List<Tensor> out, int i, List<Step> parts) {
    Step whole = whole(op, in, out, parts);
    if (whole == null) {
      return false;
    }
    put(whole, i, parts);
    return true;
  }

  /** One call for its parts, if whoever runs them has a kernel. */
  private @Nullable Step whole(Op op, List<Tensor> in, List<Tensor> out, List<Step> parts) {
    KernelSignature s =
        KernelSignature.of(
            op, in, out.stream().map(Tensor::spec).toList(), false, eager.precision());
    Optional<Choice> choice = eager.home().kernels().find(s);
    boolean taken =
        choice.isPresent()
            && !choice.get().pack()
            && parts.stream().allMatch(p -> agrees(p, s, choice.get()));
    return taken ? new Step(op, choice.get(), s, in, out) : null;
  }

  private void put(Step whole, int i, List<Step> parts) {
    steps.replaceAll(step -> step != null && parts.contains(step) ? null : step);
    steps.set(i, whole);
    for (Tensor t : whole.out()) {
      producer.put(value(t), i);
    }
  }

  private static boolean agrees(Step part, KernelSignature whole, Choice choice) {
    boolean product = part.op() instanceof MatMulOp || part.op() instanceof FusedOp;
    return part.choice().provider().equals(choice.provider())
        && (part.out().size() == 1 || part.op() instanceof NormGradOp) // nothing a tape keeps
        && (!product || part.signature().precision() == whole.precision());
  }
}
