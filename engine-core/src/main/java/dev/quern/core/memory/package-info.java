/**
 * Who owns memory and until when: storages, lifetimes, scopes, the cache of recycled segments, and
 * mapped files; and where a jar's files are put so that they can be mapped.
 *
 * <p>All numeric memory is off-heap and 64-byte aligned. Nothing here knows of operations.
 *
 * <p>Allowed imports: {@code dev.quern.core.type}.
 *
 * {@snippet :
 * try (TensorScope scope = TensorScope.open("step")) {
 *   Tensor loss = model.loss(batch);
 *   return scope.promote(loss); // outlives this scope
 * }
 * }
 */
@NullMarked
package dev.quern.core.memory;

import org.jspecify.annotations.NullMarked;
