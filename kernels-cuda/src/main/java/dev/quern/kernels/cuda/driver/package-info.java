/**
 * The CUDA driver: {@link dev.quern.kernels.cuda.driver.CudaDriver} says what is called.
 *
 * <p>Allowed imports: nothing of Quern; JCuda in its own classes alone, which are loaded by name.
 *
 * {@snippet :
 * long stream = driver.streamCreate();
 * driver.launch(function, Grid.over(n, 256), params, stream);
 * driver.streamSynchronize(stream);
 * }
 */
@NullMarked
package dev.quern.kernels.cuda.driver;

import org.jspecify.annotations.NullMarked;
