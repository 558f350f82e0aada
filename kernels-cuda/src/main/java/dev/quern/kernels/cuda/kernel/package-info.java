/**
 * The kernels of the CUDA backend, one binding for each source in {@code src/main/cuda}: which of
 * its functions runs, with what grid, over what memory.
 *
 * <p>Allowed imports: {@code launch} and what lies below it; engine-core's SPI.
 *
 * {@snippet :
 * KernelProvider kernels = new CudaKernels(device);
 * Kernel exp = kernels.find(signature);
 * exp.bind(args).run(); // launched on the device's stream
 * }
 */
@NullMarked
package dev.quern.kernels.cuda.kernel;

import org.jspecify.annotations.NullMarked;
