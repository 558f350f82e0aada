/** CPU kernels written with the Vector API. */
module dev.quern.kernels.cpu {
  requires transitive dev.quern.core;
  requires static org.jspecify;
  requires jdk.incubator.vector;

  exports dev.quern.kernels.cpu;

  provides dev.quern.core.spi.KernelProvider with
      dev.quern.kernels.cpu.VectorProvider;
}
