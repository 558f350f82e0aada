/**
 * Reverse-mode differentiation: a {@link dev.quern.core.autograd.Tape} notes calls and plays their
 * vector-Jacobian products backwards.
 *
 * <p>Gradients are made of the same operations, so they run on every backend, can be recorded in a
 * plan, and differentiate again.
 *
 * <p>Allowed imports: {@code op}, {@code memory}, {@code type}.
 *
 * {@snippet :
 * try (Tape tape = engine.tape()) {
 *   tape.watch(w);
 *   Tensor loss = x.matmul(w).softmax(-1).mul(target).sum();
 *   Tensor dw = tape.gradients(loss, w).getFirst();
 * }
 * }
 */
@NullMarked
package dev.quern.core.autograd;

import org.jspecify.annotations.NullMarked;
