/** The CUDA backend, through the driver API. */
@org.jspecify.annotations.NullMarked
package dev.quern.kernels.cuda;
