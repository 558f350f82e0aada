package dev.quern.kernels.cuda.driver;

import jcuda.driver.CUcontext;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;

/** All of JCuda's objects that Quern has numbers for. */
final class JCudaHandles {
  final Handles<CUcontext> contexts = new Handles<>();
  final Handles<RawHandles.Stream> streams = new Handles<>();
  final Handles<CUevent> events = new Handles<>();
  final Handles<CUmodule> modules = new Handles<>();
  final Handles<RawHandles.Function> functions = new Handles<>();
  final Handles<CUgraph> graphs = new Handles<>();
  final Handles<CUgraphExec> executables = new Handles<>();
}
