/** CPU kernels written with the Vector API. */
module dev.quern.kernels.cpu {
  requires dev.quern.core;
  requires static org.jspecify;
  requires jdk.incubator.vector;
}
