/**
 * The training conformance data: what PyTorch makes of operations, their gradients, and the
 * gradients of these, expressed in Quern's operations.
 */
@NullMarked
package dev.quern.core.torch;

import org.jspecify.annotations.NullMarked;
