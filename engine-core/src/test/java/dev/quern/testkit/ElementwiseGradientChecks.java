package dev.quern.testkit;

import static dev.quern.testkit.GradientCheck.between;
import static dev.quern.testkit.GradientCheck.booleans;
import static dev.quern.testkit.GradientCheck.once;
import static dev.quern.testkit.GradientCheck.real;
import static dev.quern.testkit.GradientCheck.twice;
import static dev.quern.testkit.GradientCheck.viewed;

import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.BinaryOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.UnaryOp;
import dev.quern.testkit.GradientCheck.View;
import java.util.List;

/** Functions of single elements. */
final class ElementwiseGradientChecks {
  private ElementwiseGradientChecks() {}

  static void add(List<GradientCheck> to) {
    for (Op op :
        List.of(
            new UnaryOp.Neg(),
            new UnaryOp.Exp(),
            new UnaryOp.Tanh(),
            new UnaryOp.Erf(),
            new UnaryOp.Sigmoid(),
            new UnaryOp.Sin(),
            new UnaryOp.Cos(),
            new UnaryOp.Gelu(false),
            new UnaryOp.Gelu(true),
            new UnaryOp.Silu(),
            new UnaryOp.Abs(),
            new UnaryOp.Relu(),
            new UnaryOp.Clip(-0.5, 0.75))) {
      to.add(twice(op, real(2, 3)));
      to.add(twice(op, real()));
      to.add(twice(op, real(2, 0)));
      to.add(once(op, viewed(View.TRANSPOSED, 2, 3, 2)));
      to.add(once(op, viewed(View.SPACED, 2, 3)));
    }
    for (Op op :
        List.of(
            new UnaryOp.Log(), new UnaryOp.Sqrt(), new UnaryOp.Rsqrt(), new UnaryOp.Reciprocal())) {
      to.add(twice(op, between(0.5, 2, 2, 3)));
      to.add(once(op, between(0.5, 2, 1)));
    }
    to.add(twice(new UnaryOp.Reciprocal(), between(-2, -0.5, 3)));
    binary(to, new BinaryOp.Add());
    binary(to, new BinaryOp.Sub());
    binary(to, new BinaryOp.Mul());
    binary(to, new BinaryOp.Maximum());
    binary(to, new BinaryOp.Minimum());
    binary(to, new BinaryOp.SwiGlu());
    binary(to, new BinaryOp.GeGlu(false));
    binary(to, new BinaryOp.GeGlu(true));
    to.add(twice(new BinaryOp.Div(), real(2, 3), between(0.5, 2, 3)));
    to.add(twice(new BinaryOp.Div(), real(3, 1), between(-2, -0.5, 2, 1, 4)));
    to.add(twice(new BinaryOp.Pow(), between(0.5, 2, 2, 3), real(3)));
    to.add(twice(new BinaryOp.Pow(), between(0.5, 2, 1, 3), between(-2, 3, 2, 1)));
    for (Op op : List.of(new ActivationGradOp.SiluGrad(), new ActivationGradOp.GeluGrad(true))) {
      to.add(once(op, real(2, 3), real(2, 3)));
    }
    to.add(twice(new ActivationGradOp.GeluGrad(false), real(2, 3), real(3)));
    to.add(once(new ActivationGradOp.SwiGluGrad(), real(2, 3), real(2, 3), real(3)));
    to.add(once(new ActivationGradOp.GeGluGrad(false), real(2, 3), real(1), real(2, 3)));
    to.add(once(new ActivationGradOp.GeGluGrad(true), real(2, 3), real(2, 3), real(2, 1)));
    boolean[] some = {true, false, false, true, true, false};
    to.add(twice(new DataOp.Where(), booleans(some, 2, 3), real(2, 3), real(3)));
    to.add(twice(new DataOp.Where(), booleans(some, 6, 1), real(), real(6, 2)));
  }

  private static void binary(List<GradientCheck> to, Op op) {
    to.add(twice(op, real(2, 3), real(2, 3)));
    to.add(twice(op, real(2, 3, 2), real(3, 1)));
    to.add(twice(op, real(4), real(2, 1)));
    to.add(once(op, real(), real(2, 2)));
    to.add(once(op, real(2, 0, 3), real(1, 3)));
    to.add(once(op, viewed(View.TRANSPOSED, 2, 3), viewed(View.SPACED, 2, 3)));
  }
}
