package dev.quern.testkit;

import dev.quern.core.engine.Engine;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;

/**
 * An operation, where to differentiate it, and how often.
 *
 * @param op the operation
 * @param arguments its inputs
 * @param twice whether second derivatives are checked too
 */
record GradientCheck(Op op, List<Argument> arguments, boolean twice) {

  /** How an F64 input lies in memory. */
  enum View {
    PLAIN,
    TRANSPOSED,
    SPACED
  }

  /** An input. */
  sealed interface Argument {}

  /** Random F64 numbers that are differentiated by. */
  record Real(Shape shape, double low, double high, View view) implements Argument {
    double[] values(SplittableRandom random) {
      return random.doubles(shape.elements(), low, high).toArray();
    }

    Tensor tensor(Engine engine, double[] values) {
      Tensor x = engine.tensor(values, values.length).reshape(shape);
      int rank = shape.rank();
      return switch (view) {
        case PLAIN -> x;
        case TRANSPOSED -> {
          int[] back = new int[rank];
          for (int i = 0; i < rank; i++) {
            back[i] = rank - 1 - i;
          }
          yield x.permute(back).contiguous().permute(back);
        }
        case SPACED -> {
          Tensor twice = x.unsqueeze(-1).concat(-1, x.unsqueeze(-1).fullLike(7));
          Tensor wide = twice.reshape(shape.with(-1, 2 * shape.dim(-1)));
          yield wide.slice(-1, 0, shape.dim(-1), 2);
        }
      };
    }
  }

  /** Something that has no gradient: indices, masks, seeds. */
  record Fixed(Function<Engine, Tensor> tensor) implements Argument {}

  static Real real(long... dims) {
    return new Real(Shape.of(dims), -1, 1, View.PLAIN);
  }

  static Real between(double low, double high, long... dims) {
    return new Real(Shape.of(dims), low, high, View.PLAIN);
  }

  static Real viewed(View view, long... dims) {
    return new Real(Shape.of(dims), -1, 1, view);
  }

  static Fixed integers(int[] values, long... dims) {
    return new Fixed(e -> e.tensor(values, dims));
  }

  static Fixed longs(long... values) {
    return new Fixed(e -> e.tensor(values, values.length));
  }

  static Fixed booleans(boolean[] values, long... dims) {
    return new Fixed(e -> e.tensor(values, dims));
  }

  /** First derivatives. */
  static GradientCheck once(Op op, Argument... arguments) {
    return new GradientCheck(op, List.of(arguments), false);
  }

  /** First and second derivatives. */
  static GradientCheck twice(Op op, Argument... arguments) {
    return new GradientCheck(op, List.of(arguments), true);
  }

  /** The F64 inputs. */
  List<Real> reals() {
    List<Real> reals = new ArrayList<>();
    for (Argument a : arguments) {
      if (a instanceof Real r) {
        reals.add(r);
      }
    }
    return reals;
  }

  /** Tensors from the values of the F64 inputs. */
  List<Tensor> inputs(Engine engine, List<double[]> values) {
    List<Tensor> in = new ArrayList<>();
    int next = 0;
    for (Argument a : arguments) {
      in.add(
          switch (a) {
            case Real r -> r.tensor(engine, values.get(next++));
            case Fixed f -> f.tensor().apply(engine);
          });
    }
    return in;
  }

  /** Those of the inputs that are F64 arguments. */
  Tensor[] watched(List<Tensor> inputs) {
    List<Tensor> w = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      if (arguments.get(i) instanceof Real) {
        w.add(inputs.get(i));
      }
    }
    return w.toArray(Tensor[]::new);
  }

  @Override
  public String toString() {
    return op + " " + reals().stream().map(r -> r.shape() + " " + r.view()).toList();
  }

  /** Every check. */
  static List<GradientCheck> all() {
    List<GradientCheck> all = new ArrayList<>();
    ElementwiseGradientChecks.add(all);
    ShapeGradientChecks.add(all);
    NetworkGradientChecks.add(all);
    SpaceGradientChecks.add(all);
    return all;
  }
}
