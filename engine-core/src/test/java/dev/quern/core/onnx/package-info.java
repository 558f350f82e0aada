/**
 * ONNX operators as Quern expressions, one table per family, and a test that runs the ONNX
 * project's operator cases through them.
 */
@NullMarked
package dev.quern.core.onnx;

import org.jspecify.annotations.NullMarked;
