package dev.quern.core.reference;

import dev.quern.core.memory.TensorView;
import dev.quern.core.spi.KernelArgs;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;

/** One loop for functions of one or two elements: y[i] = f(a[i], b[i]), operands broadcast. */
final class Elementwise {
  private Elementwise() {}

  /** Computes one element. */
  @FunctionalInterface
  private interface Step {
    void run(long y, Strided walk);
  }

  static Runnable map(KernelArgs args, DoubleUnaryOperator f) {
    Elements a = Elements.of(args.input(0));
    Elements y = Elements.of(args.output());
    return each(args, (i, w) -> y.set(i, f.applyAsDouble(a.get(w.at(0)))), 1);
  }

  static Runnable mapLongs(KernelArgs args, LongUnaryOperator f) {
    Elements a = Elements.of(args.input(0));
    Elements y = Elements.of(args.output());
    return each(args, (i, w) -> y.setLong(i, f.applyAsLong(a.getLong(w.at(0)))), 1);
  }

  static Runnable map(KernelArgs args, DoubleBinaryOperator f) {
    Elements a = Elements.of(args.input(0));
    Elements b = Elements.of(args.input(1));
    Elements y = Elements.of(args.output());
    return each(args, (i, w) -> y.set(i, f.applyAsDouble(a.get(w.at(0)), b.get(w.at(1)))), 2);
  }

  static Runnable mapLongs(KernelArgs args, LongBinaryOperator f) {
    Elements a = Elements.of(args.input(0));
    Elements b = Elements.of(args.input(1));
    Elements y = Elements.of(args.output());
    return each(
        args, (i, w) -> y.setLong(i, f.applyAsLong(a.getLong(w.at(0)), b.getLong(w.at(1)))), 2);
  }

  private static Runnable each(KernelArgs args, Step step, int operands) {
    TensorView y = args.output();
    long base = y.layout().offset();
    return () ->
        Slices.over(
            args.pool(),
            y.shape().elements(),
            Slices.ELEMENTS,
            (from, to) -> {
              Strided w =
                  operands == 1
                      ? Strided.over(y.shape(), args.input(0).layout())
                      : Strided.over(y.shape(), args.input(0).layout(), args.input(1).layout());
              w.seek(from);
              for (long i = from; i < to; i++, w.next()) {
                step.run(base + i, w);
              }
            });
  }
}
