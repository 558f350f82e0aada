/**
 * Device memory and pinned host memory: the pool that tensors come from, and the buffers that bytes
 * travel through.
 *
 * <p>Allowed imports: {@code driver}; {@code dev.quern.core.memory} and {@code type}.
 *
 * {@snippet :
 * CudaMemory memory = new CudaMemory(context, Device.cuda(0));
 * MemorySegment x = memory.take(n);
 * staging.upload(host, x.address());
 * memory.give(x); // at once: whoever takes it comes after, in the stream
 * }
 */
@NullMarked
package dev.quern.kernels.cuda.memory;

import org.jspecify.annotations.NullMarked;
