/**
 * The front door: {@link dev.quern.core.engine.Engine} makes tensors, runs and records calls, and
 * explains its choices.
 *
 * <p>Allowed imports: everything in engine-core but {@code io}.
 *
 * {@snippet :
 * Engine engine = Engine.create();
 * Tensor x = engine.tensor(new float[] {1, 2, 3, 4}, 2, 2);
 * float[] y = x.matmul(x).softmax(-1).toFloats();
 * }
 */
@NullMarked
package dev.quern.core.engine;

import org.jspecify.annotations.NullMarked;
