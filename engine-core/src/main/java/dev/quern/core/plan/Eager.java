package dev.quern.core.plan;

import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorView;
import dev.quern.core.memory.Uses;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.Executor;
import dev.quern.core.op.Op;
import dev.quern.core.op.ShapeOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelRegistry.Choice;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Layout;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jdk.jfr.FlightRecorder;

/**
 * Runs a call at once: infer, choose, allocate, compute. While a kernel runs, closing the owner of
 * an operand on another thread frees nothing.
 *
 * <p>A call runs on the device where its operands are; one without operands on the engine's own.
 *
 * @param executor who runs the operations of a decomposition, and owns the results
 * @param backends the devices
 * @param precision what matrix products may round
 * @param pool the threads
 */
public record Eager(Executor executor, Backends backends, Precision precision, TaskPool pool) {

  /** Where a call's results get their memory. */
  @FunctionalInterface
  public interface Results {
    /**
     * Memory for a result.
     *
     * @param spec dtype and shape
     * @param memory of the device that the call runs on
     * @return contents arbitrary
     */
    Storage allocate(TensorSpec spec, DeviceMemory memory);
  }

  /**
   * Runs a call.
   *
   * @param op the operation
   * @param inputs operands, all with values, all on one device
   * @param residuals whether residuals are wanted
   * @param memory where results get their memory
   * @return the results, then the residuals; a fused operation that had to be decomposed has none
   */
  public List<Tensor> run(Op op, List<Tensor> inputs, boolean residuals, Results memory) {
    return run(op, inputs, residuals, memory, home());
  }

  /**
   * Runs a call that has no operands, or as {@link #run(Op, List, boolean, Results)} does.
   *
   * @param op the operation
   * @param inputs operands, all with values, all on one device
   * @param residuals whether residuals are wanted
   * @param memory where results get their memory
   * @param otherwise where it runs if there are no operands
   * @return the results, then the residuals
   */
  public List<Tensor> run(
      Op op, List<Tensor> inputs, boolean residuals, Results memory, Backend otherwise) {
    if (op instanceof ShapeOp view) {
      return List.of(view(view, inputs.getFirst()));
    }
    List<TensorSpec> specs = inputs.stream().map(Tensor::spec).toList();
    List<TensorSpec> results = results(op, specs, residuals);
    Backend backend = backend(op, inputs, otherwise);
    KernelSignature signature = KernelSignature.of(op, inputs, results, residuals, precision);
    Optional<Choice> choice = choose(backend, signature);
    if (choice.isEmpty()) {
      return decompose(op, inputs, backend, signature);
    }
    List<Tensor> operands = choice.get().pack() ? packed(op, inputs) : inputs;
    List<Tensor> outputs = new ArrayList<>();
    for (TensorSpec s : results) {
      Storage made = memory.allocate(s, backend.memory());
      outputs.add(new Tensor(executor, s.dtype(), Layout.contiguous(s.shape()), made));
    }
    if (isObserved()) {
      KernelEvent event = new KernelEvent();
      event.begin();
      compute(op, choice.get().kernel(), operands, outputs, signature.precision(), backend);
      event.end();
      event.describe(op, choice.get(), signature.precision(), operands, outputs);
      event.commit();
    } else {
      compute(op, choice.get().kernel(), operands, outputs, signature.precision(), backend);
    }
    for (int i : op.writes()) {
      inputs.get(i).storage().wrote();
    }
    return outputs;
  }

  /** Only asked whether a recording wants events of its kind. */
  private static final class Observer {
    static final KernelEvent KIND = new KernelEvent();
  }

  /**
   * Whether a recording wants kernel events. Where nothing is recorded the event's class is not
   * loaded: its initialiser sets up half of Flight Recorder.
   */
  static boolean isObserved() {
    return FlightRecorder.isInitialized() && Observer.KIND.isEnabled();
  }

  private void compute(
      Op op,
      Kernel kernel,
      List<Tensor> operands,
      List<Tensor> outputs,
      Precision resolved,
      Backend backend) {
    boolean nothingToDo = op.writes().isEmpty();
    for (Tensor t : outputs) {
      nothingToDo &= t.shape().elements() == 0;
    }
    if (nothingToDo) {
      return;
    }
    Uses uses = new Uses(operands.size() + outputs.size());
    try {
      operands.forEach(t -> uses.acquire(t.storage()));
      outputs.forEach(t -> uses.acquire(t.storage()));
      List<TensorView> in = operands.stream().map(Tensor::view).toList();
      List<TensorView> out = outputs.stream().map(Tensor::view).toList();
      run(op, kernel, in, out, resolved, backend.memory());
    } finally {
      uses.release();
      Reference.reachabilityFence(operands);
      Reference.reachabilityFence(outputs);
    }
  }

  private void run(
      Op op,
      Kernel kernel,
      List<TensorView> in,
      List<TensorView> out,
      Precision resolved,
      DeviceMemory memory) {
    long scratchBytes = kernel.scratchBytes(in, out);
    MemorySegment scratch = scratchBytes == 0 ? MemorySegment.NULL : memory.take(scratchBytes);
    try {
      kernel.run(new KernelArgs(op, in, out, resolved, pool, scratch));
    } finally {
      if (scratchBytes != 0) {
        memory.give(scratch);
      }
    }
  }

  /** Specs of results and, if wanted, residuals. */
  static List<TensorSpec> results(Op op, List<TensorSpec> inputs, boolean residuals) {
    List<TensorSpec> results = new ArrayList<>(op.infer(inputs));
    if (residuals) {
      results.addAll(op.residuals(inputs));
    }
    return results;
  }

  /** The same values without gaps, for operands that are not written. */
  static List<Tensor> packed(Op op, List<Tensor> inputs) {
    List<Tensor> packed = new ArrayList<>(inputs);
    for (int i = 0; i < packed.size(); i++) {
      if (!op.writes().contains(i)) {
        packed.set(i, packed.get(i).contiguous());
      }
    }
    return packed;
  }

  /** Runs a fused operation in smaller ones, or says that nobody can run it. */
  static List<Tensor> decompose(
      Op op, List<Tensor> inputs, Backend backend, KernelSignature signature) {
    List<Tensor> outputs = op.decompose(inputs);
    if (outputs == null) {
      throw new NotSupportedException(
          "["
              + op.name()
              + "] no kernel for "
              + signature
              + (signature.inputs().containsAll(signature.outputs())
                  ? ""
                  : " that gives " + signature.outputs())
              + (isHost(backend)
                  ? "; " + backend.kernels().absence(signature)
                  : " on "
                      + backend.device()
                      + "; cast the inputs to F32, or compute it on the host: x.to(Device.CPU)"));
    }
    return outputs;
  }

  /** Applies a view, copying first if the layout leaves no other way. */
  static Tensor view(ShapeOp op, Tensor x) {
    op.infer(List.of(x.spec()));
    Layout layout = op.view(x.layout());
    if (layout != null) {
      return new Tensor(x.executor(), x.dtype(), layout, x.storage());
    }
    return view(op, x.contiguous());
  }

  /** The engine's own device. */
  Backend home() {
    return backends.home();
  }

  private static boolean isHost(Backend backend) {
    return backend.memory().isHost();
  }

  /** The kernel of a call; a user's own operation computes on the host. */
  static Optional<Choice> choose(Backend backend, KernelSignature signature) {
    Optional<Choice> choice = backend.kernels().find(signature);
    return choice.isEmpty() && isHost(backend) && signature.op() instanceof CustomOp custom
        ? Optional.of(CustomKernel.choice(custom))
        : choice;
  }

  /** Where the operands are. */
  private Backend backend(Op op, List<Tensor> inputs, Backend otherwise) {
    if (inputs.isEmpty()) {
      return otherwise;
    }
    for (Tensor t : inputs) {
      checkValues(op, t);
    }
    Device device = inputs.getFirst().device();
    for (Tensor t : inputs) {
      if (!t.device().equals(device)) {
        throw new DeviceException(
            "[%s] inputs are on different devices: %s on %s, %s on %s; move them to one: x.to(device)"
                .formatted(op.name(), inputs.getFirst().spec(), device, t.spec(), t.device()));
      }
    }
    return backends.of(device);
  }

  private static void checkValues(Op op, Tensor t) {
    if (!t.hasValues()) {
      throw new QuernException(
          "["
              + op.name()
              + "] input "
              + t.spec()
              + " belongs to a recording that has ended or is another thread's; record and use it"
              + " in one place");
    }
  }
}
