/**
 * The conformance kit: what the tests of every module share. A backend extends {@link
 * dev.quern.testkit.KernelConformance}, supplies its provider, and declares what it has no kernels
 * for; how near its results must be is in {@link dev.quern.testkit.Tolerance}.
 *
 * <p>It is packaged as engine-core's test jar, in a package of its own: a package that belongs to a
 * named module cannot be seen from another module's tests.
 *
 * <p>Allowed imports: the JDK, JUnit, ArchUnit, JSpecify and {@code dev.quern.core}; Jackson in
 * {@link dev.quern.testkit.TorchModel}, which only modules that have it use.
 *
 * <pre>{@code
 * class MyConformanceTest extends KernelConformance {
 *   protected KernelProvider provider() { return new MyProvider(); }
 *   protected boolean declines(KernelSignature s) { return !(s.op() instanceof MatMulOp); }
 * }
 * SkippedCases.record("GgufVectorsTest", 3, "op vectors of a dtype that is not supported yet");
 * }</pre>
 */
@NullMarked
package dev.quern.testkit;

import org.jspecify.annotations.NullMarked;
