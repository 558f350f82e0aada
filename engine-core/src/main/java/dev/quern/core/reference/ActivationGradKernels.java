package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.ActivationGradOp;
import dev.quern.core.op.ActivationGradOp.GeGluGrad;
import dev.quern.core.op.ActivationGradOp.GeluGrad;
import dev.quern.core.op.ActivationGradOp.SiluGrad;
import dev.quern.core.op.ActivationGradOp.SwiGluGrad;
import dev.quern.core.spi.KernelArgs;
import java.util.function.DoubleUnaryOperator;

/** {@link ActivationGradOp}: g · f'(x); for gates g · up · f'(gate) and g · f(gate). */
final class ActivationGradKernels {
  private static final double DENSITY = 1 / Math.sqrt(2 * Math.PI);
  private static final double TANH_SCALE = 2 * Math.sqrt(2 / Math.PI);

  private ActivationGradKernels() {}

  static Runnable bind(KernelArgs args) {
    return switch ((ActivationGradOp) args.op()) {
      case SiluGrad _ -> one(args, ActivationGradKernels::silu);
      case GeluGrad(boolean tanh) ->
          one(args, tanh ? ActivationGradKernels::geluTanh : ActivationGradKernels::gelu);
      case SwiGluGrad _ -> gate(args, UnaryKernels::silu, ActivationGradKernels::silu);
      case GeGluGrad(boolean tanh) ->
          tanh
              ? gate(args, UnaryKernels::geluTanh, ActivationGradKernels::geluTanh)
              : gate(args, UnaryKernels::gelu, ActivationGradKernels::gelu);
    };
  }

  private static double silu(double x) {
    double s = UnaryKernels.sigmoid(x);
    return s * (1 + x * (1 - s));
  }

  private static double gelu(double x) {
    double density = DENSITY * StrictMath.exp(-0.5 * x * x);
    return 0.5 * Erf.erfc(-x * Math.sqrt(0.5)) + x * density;
  }

  private static double geluTanh(double x) {
    double s = UnaryKernels.sigmoid(TANH_SCALE * (x + 0.044715 * x * x * x));
    return s + x * s * (1 - s) * TANH_SCALE * (1 + 3 * 0.044715 * x * x);
  }

  private static Runnable one(KernelArgs args, DoubleUnaryOperator slope) {
    return Elementwise.map(args, (g, x) -> g * slope.applyAsDouble(x));
  }

  private static Runnable gate(KernelArgs args, DoubleUnaryOperator f, DoubleUnaryOperator slope) {
    TensorView g = args.input(0);
    TensorView gate = args.input(1);
    TensorView up = args.input(2);
    TensorView dGate = args.output();
    TensorView dUp = args.outputs().get(1);
    return () ->
        Slices.over(
            args.pool(),
            dGate.shape().elements(),
            Slices.ELEMENTS,
            (from, to) -> {
              Strided w =
                  Strided.over(g.shape(), g.layout(), gate.layout(), up.layout()).seek(from);
              for (long i = from; i < to; i++, w.next()) {
                double gi = Elements.of(g).get(w.at(0));
                double x = Elements.of(gate).get(w.at(1));
                double u = Elements.of(up).get(w.at(2));
                Elements.of(dGate)
                    .set(dGate.layout().offset() + i, gi * u * slope.applyAsDouble(x));
                Elements.of(dUp).set(dUp.layout().offset() + i, gi * f.applyAsDouble(x));
              }
            });
  }
}
