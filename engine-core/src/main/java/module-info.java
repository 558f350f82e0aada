/** Tensors, operations, plans, gradients, memory, file formats and the kernel SPI. */
module dev.quern.core {
  requires static transitive org.jspecify;
}
