/**
 * The sockets that backends plug into: kernels ({@link dev.quern.core.spi.KernelProvider}), devices
 * ({@link dev.quern.core.spi.DeviceProvider}, which opens a {@link dev.quern.core.spi.Backend}),
 * the choice among kernels ({@link dev.quern.core.spi.KernelRegistry}) and the threads they share
 * ({@link dev.quern.core.spi.TaskPool}).
 *
 * <p>Allowed imports: {@code op}, {@code memory}, {@code type}.
 *
 * {@snippet :
 * public final class MyKernels implements KernelProvider {
 *   public Kernel find(KernelSignature signature) {
 *     return signature.op() instanceof UnaryOp.Exp ? new ExpKernel() : null;
 *   }
 * }
 * }
 */
@NullMarked
package dev.quern.core.spi;

import org.jspecify.annotations.NullMarked;
