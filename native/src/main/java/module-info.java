/** CPU kernels in C, bound through the foreign function interface. */
module dev.quern.kernels.ffm {
  requires transitive dev.quern.core;
  requires static org.jspecify;

  exports dev.quern.kernels.ffm;

  provides dev.quern.core.spi.KernelProvider with
      dev.quern.kernels.ffm.NativeKernels;
}
