/**
 * What a tensor is made of, before there is any memory: element types, shapes, layouts, devices,
 * precision, and the typed errors of the whole project.
 *
 * <p>Allowed imports: {@code java.base}, JSpecify. Nothing of Quern.
 *
 * {@snippet :
 * TensorSpec spec = new TensorSpec(ScalarType.F32, Shape.of(2, 3));
 * long bytes = spec.byteSize(); // 24
 * }
 */
@NullMarked
package dev.quern.core.type;

import org.jspecify.annotations.NullMarked;
