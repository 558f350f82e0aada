/**
 * Pictures of the tables in {@code RESULTS.md}.
 *
 * <p>Allowed imports: {@code java.base}, {@code java.xml}.
 *
 * {@snippet :
 * // java benchmarks/src/main/java/dev/quern/bench/charts/Charts.java benchmarks/RESULTS.md
 * }
 */
@NullMarked
package dev.quern.bench.charts;

import org.jspecify.annotations.NullMarked;
