/** Tensors, operations, plans, gradients, memory, file formats and the kernel SPI. */
module dev.quern.core {
  requires static transitive org.jspecify;
  requires jdk.jfr;
  // Static, so that jlink works: it refuses automatic modules, and arrow-format requires one.
  requires static org.apache.arrow.format;
  requires static org.apache.arrow.memory.core;
  requires static org.apache.arrow.vector;

  exports dev.quern.core.autograd;
  exports dev.quern.core.engine;
  exports dev.quern.core.io;
  exports dev.quern.core.io.arrow;
  exports dev.quern.core.io.arrow.vector;
  exports dev.quern.core.io.gguf;
  exports dev.quern.core.io.npy;
  exports dev.quern.core.io.safetensors;
  exports dev.quern.core.memory;
  exports dev.quern.core.op;
  exports dev.quern.core.plan;
  exports dev.quern.core.reference;
  exports dev.quern.core.spi;
  exports dev.quern.core.type;

  uses dev.quern.core.spi.DeviceProvider;
  uses dev.quern.core.spi.KernelProvider;
}
