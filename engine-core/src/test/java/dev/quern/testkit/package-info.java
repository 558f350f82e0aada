/**
 * The conformance kit: what the tests of every module share.
 *
 * <p>It is packaged as engine-core's test jar, in a package of its own: a package that belongs to a
 * named module cannot be seen from another module's tests.
 *
 * <p>Allowed imports: the JDK, JUnit, ArchUnit, JSpecify and {@code dev.quern.core}.
 *
 * <pre>{@code
 * SkippedCases.record("GgufVectorsTest", 3, "op vectors of a dtype that is not supported yet");
 * }</pre>
 */
@NullMarked
package dev.quern.testkit;

import org.jspecify.annotations.NullMarked;
