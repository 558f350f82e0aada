package dev.quern.core.plan;

import dev.quern.core.op.FusedOp;
import dev.quern.core.op.MatMulOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.KernelRegistry.Choice;
import dev.quern.core.type.Precision;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * The Flight Recorder event of one kernel call, {@code dev.quern.Kernel}: off unless a recording
 * asks for it, and then free of cost.
 *
 * <p>{@code bytes} adds up the operands and results as they are stored, a weight as its blocks; it
 * is what the call moves if it reads everything once. {@code flops} is 2·m·n·k for matrix products,
 * 0 for everything else.
 */
@Name("dev.quern.Kernel")
@Label("Kernel")
@Category("Quern")
@Description("One call of a kernel")
@StackTrace(false)
@Enabled(false)
final class KernelEvent extends Event {
  @Label("Operation")
  String operation = "";

  @Label("Operands")
  String operands = "";

  @Label("Provider")
  String provider = "";

  @Label("Kernel")
  String kernel = "";

  @Label("Precision")
  String precision = "";

  @Label("Bytes")
  @DataAmount
  long bytes;

  @Label("Floating-point operations")
  long flops;

  /** Fills in what ran. Called only while a recording wants it. */
  void describe(Op op, Choice choice, Precision used, List<Tensor> in, List<Tensor> out) {
    operation = op.name();
    operands = specs(in);
    provider = choice.provider();
    kernel = choice.kernel().name();
    precision = used.name();
    bytes = bytes(in) + bytes(out);
    flops = flops(op, in, out);
  }

  /** Dtypes and shapes, as {@code explain} prints them too. */
  static String specs(List<Tensor> tensors) {
    StringBuilder s = new StringBuilder();
    for (Tensor t : tensors) {
      s.append(s.isEmpty() ? "" : " ").append(new TensorSpec(t.dtype(), t.shape()));
    }
    return s.toString();
  }

  private static long bytes(List<Tensor> tensors) {
    return tensors.stream().mapToLong(t -> t.spec().byteSize()).sum();
  }

  private static long flops(Op op, List<Tensor> in, List<Tensor> out) {
    if (in.isEmpty()) {
      return 0; // what creates values multiplies none
    }
    Shape x = in.getFirst().shape();
    return switch (op) {
      case MatMulOp _, FusedOp.LinearAdd _ -> product(x, out.getFirst().shape());
      case FusedOp.Linears _ -> out.stream().mapToLong(y -> product(x, y.shape())).sum();
      case FusedOp.GatedFeedForward _ -> { // three weights of one size
        Shape hidden = x.with(-1, in.get(1).shape().dim(0));
        yield 2 * product(x, hidden) + product(hidden, out.getFirst().shape());
      }
      default -> 0;
    };
  }

  private static long product(Shape x, Shape y) {
    return 2 * y.elements() * x.dim(-1);
  }
}
