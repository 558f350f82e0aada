/**
 * The vocabulary: {@link dev.quern.core.op.Tensor}, the sealed families of {@link
 * dev.quern.core.op.Op}, and what each operation knows about itself (result specs, gradient,
 * decomposition). Nothing here knows how an operation is computed or where.
 *
 * <p>An operation lives in its family's file; its method on {@code Tensor} is a default method of
 * the interface with the matching name ({@code UnaryOp}, {@code BinaryOp} and {@code CompareOp} in
 * {@code TensorMath}; {@code ShapeOp} in {@code TensorShape}; and so on).
 *
 * <p>Allowed imports: {@code memory}, {@code type}.
 *
 * {@snippet :
 * Tensor y = x.matmul(w).add(b).gelu(); // F32 [batch, out]
 * }
 */
@NullMarked
package dev.quern.core.op;

import org.jspecify.annotations.NullMarked;
