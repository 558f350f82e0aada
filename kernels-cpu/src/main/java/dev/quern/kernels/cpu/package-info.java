/** Kernels written with the Vector API. */
@org.jspecify.annotations.NullMarked
package dev.quern.kernels.cpu;
