package dev.quern.core.op;

import dev.quern.core.type.GradientException;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * One operation of the vocabulary: a record of its static attributes. Whatever changes from call to
 * call (positions, lengths, seeds) is an input, never a component.
 *
 * <p>An operation knows what comes out ({@link #infer}), its gradient ({@link #vjp}), and, if it is
 * fused, how it is spelled in smaller ones ({@link #decompose}). It knows nothing of devices.
 */
public sealed interface Op
    permits UnaryOp,
        BinaryOp,
        ActivationGradOp,
        CompareOp,
        ReduceOp,
        ScanOp,
        SamplingOp,
        MatMulOp,
        ShapeOp,
        DataOp,
        ScatterOp,
        CreateOp,
        DropoutOp,
        NormOp,
        NormGradOp,
        BatchNormOp,
        ConvOp,
        PoolOp,
        AttentionOp,
        AttentionGradOp,
        LossOp,
        BufferOp,
        FusedOp,
        CustomOp {

  /**
   * The name in errors, {@code explain} and kernel overrides: the record's name with a small first
   * letter.
   *
   * @return for example {@code rmsNorm}
   */
  default String name() {
    return name(getClass());
  }

  /**
   * The names of all operations but users' own.
   *
   * @return in alphabetical order
   */
  static Set<String> vocabulary() {
    Set<String> names = new TreeSet<>();
    addNames(Op.class, names);
    return names;
  }

  private static void addNames(Class<?> type, Set<String> names) {
    if (type.isRecord()) {
      names.add(name(type));
    } else if (type.isSealed()) {
      for (Class<?> permitted : type.getPermittedSubclasses()) {
        addNames(permitted, names);
      }
    }
  }

  private static String name(Class<?> type) {
    if (type == MatMulOp.MatMul.class) {
      return "matmul"; // one word, in the field
    }
    String n = type.getSimpleName();
    return Character.toLowerCase(n.charAt(0)) + n.substring(1);
  }

  /**
   * Checks the inputs and says what comes out.
   *
   * @param inputs dtype and shape of each input
   * @return dtype and shape of each output
   * @throws dev.quern.core.type.ShapeException if shapes don't fit
   * @throws dev.quern.core.type.DTypeException if an element type isn't taken
   */
  List<TensorSpec> infer(List<TensorSpec> inputs);

  /**
   * Extra outputs that a kernel keeps only when a gradient tape asks, so that the backward pass
   * needn't compute them again.
   *
   * @param inputs as for {@link #infer}
   * @return their specs; empty for most operations
   */
  default List<TensorSpec> residuals(List<TensorSpec> inputs) {
    return List.of();
  }

  /**
   * Which inputs it writes to; they must be buffers.
   *
   * @return input indices; empty for pure operations
   */
  default List<Integer> writes() {
    return List.of();
  }

  /**
   * The vector-Jacobian product: gradients of the inputs from gradients of the outputs, built from
   * operations of this vocabulary, so that it runs on every backend and differentiates again.
   *
   * <p>A fused operation that doesn't override this is differentiated through what it decomposes
   * into.
   *
   * @param pass what the forward pass left, and the gradients of its outputs
   * @return one gradient per input; null where the input has none (indices, masks) or nobody
   *     {@linkplain Backward#needs needs} it
   * @throws GradientException if the operation has no gradient
   */
  default List<@Nullable Tensor> vjp(Backward pass) {
    return pass.through(
        inputs -> {
          List<Tensor> parts = decompose(inputs);
          if (parts == null) {
            throw new GradientException(
                "["
                    + name()
                    + "] has no gradient; "
                    + (this instanceof CustomOp
                        ? "override its vjp or decompose, or detach() its input"
                        : "detach() its input, or spell it in operations that have one"));
          }
          return parts;
        });
  }

  /**
   * The same thing in smaller operations.
   *
   * @param inputs the inputs
   * @return the outputs (without residuals), or null if the operation is not fused
   */
  default @Nullable List<Tensor> decompose(List<Tensor> inputs) {
    return null;
  }
}
