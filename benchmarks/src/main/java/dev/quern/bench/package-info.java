/**
 * JMH benchmarks. Each measures the replay of a plan of one operation, so that what is timed is the
 * kernel and not the way to it.
 *
 * <p>Allowed imports: everything.
 *
 * {@snippet :
 * // java -jar benchmarks/target/benchmarks.jar MatVec -p type=Q8_0 -p kernels=native -prof dev.quern.bench.RateProfiler
 * }
 */
@NullMarked
package dev.quern.bench;

import org.jspecify.annotations.NullMarked;
