/**
 * The CUDA backend, through the driver API. So far it finds devices and explains itself; memory and
 * kernels come with the next milestones.
 *
 * <p>JCuda's glue fails to load where there is no driver, so only {@code JCudaDriverApi} names its
 * types, and it is loaded by name.
 *
 * <p>Allowed imports: {@code dev.quern.core} (SPI, types); JCuda in {@code JCudaDriverApi} alone.
 *
 * {@snippet :
 * Probe probe = new CudaProvider().probe(); // Refused("no NVIDIA driver ...", "install one ...")
 * }
 */
@NullMarked
package dev.quern.kernels.cuda;

import org.jspecify.annotations.NullMarked;
