/** JMH benchmarks. */
@org.jspecify.annotations.NullMarked
package dev.quern.bench;
