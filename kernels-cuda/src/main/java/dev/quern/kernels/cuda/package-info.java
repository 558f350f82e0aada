/**
 * The CUDA backend, through the driver API: {@link dev.quern.kernels.cuda.CudaProvider} finds
 * devices and opens them; an opened one has a stream, a pool of memory, and kernels.
 *
 * <p>JCuda's glue fails to load where there is no driver, so only the classes of {@code driver}
 * that are loaded by name use its types.
 *
 * <p>Allowed imports: {@code kernel} and what is below it; {@code dev.quern.core} (SPI and below).
 *
 * {@snippet :
 * Probe probe = new CudaProvider().probe(); // Refused("no NVIDIA driver ...", "install one ...")
 * Engine engine = Engine.builder().device(Device.cuda(0)).build();
 * }
 */
@NullMarked
package dev.quern.kernels.cuda;

import org.jspecify.annotations.NullMarked;
