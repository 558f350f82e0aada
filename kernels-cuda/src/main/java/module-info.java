/** The CUDA backend, through the driver API. */
module dev.quern.kernels.cuda {
  requires dev.quern.core;
  requires static org.jspecify;
  requires jcuda;
}
