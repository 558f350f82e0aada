/** Kernels in C, bound through the foreign function interface. */
@org.jspecify.annotations.NullMarked
package dev.quern.kernels.ffm;
