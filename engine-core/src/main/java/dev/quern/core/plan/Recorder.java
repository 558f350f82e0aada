package dev.quern.core.plan;

import dev.quern.core.memory.Block;
import dev.quern.core.memory.Cleanup;
import dev.quern.core.memory.DeviceMemory;
import dev.quern.core.memory.HostMemory;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.SegmentPool;
import dev.quern.core.memory.Storage;
import dev.quern.core.op.Op;
import dev.quern.core.op.ShapeOp;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.KernelRegistry.Choice;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.Device;
import dev.quern.core.type.DeviceException;
import dev.quern.core.type.Layout;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Turns calls into steps of a plan. Calls whose inputs are all constant are computed once, here;
 * their results belong to the plan.
 */
public final class Recorder implements Recording {
  private static final long PARAMETER_BYTES = 1L << 16;

  /** A workspace whose every replay finds few of its addresses still translated. */
  private static final long LARGE_BYTES = 64L << 20;

  /** What a symbolic tensor is made of: a value of the workspace, or a slot. */
  record Source(Workspace.@Nullable Value value, @Nullable MemorySegment slot) {}

  /** A call to be bound once memory is placed. */
  record Step(Op op, Choice choice, KernelSignature signature, List<Tensor> in, List<Tensor> out) {}

  private final String name;
  private final Eager eager;
  private final Lifetime lifetime;
  private final Block parameters = Block.take(HostMemory.shared(), PARAMETER_BYTES);
  private long parameterBytes;
  private final List<Step> steps = new ArrayList<>();
  private final List<Storage> constants = new ArrayList<>();
  private final List<Block> taken = new ArrayList<>();
  private final IdentityHashMap<Tensor, Source> sources = new IdentityHashMap<>();
  private final Map<String, Slot> slots = new LinkedHashMap<>();
  private final Map<String, Tensor> outputs = new LinkedHashMap<>();

  /**
   * An empty recording.
   *
   * @param name of the plan
   * @param eager how constants are computed and kernels chosen
   */
  public Recorder(String name, Eager eager) {
    this.name = name;
    this.eager = eager;
    this.lifetime = new Lifetime("plan '" + name + "'");
    parameters.segment().fill((byte) 0);
  }

  @Override
  public Tensor slot(String slotName, TensorSpec spec) {
    long bytes = spec.byteSize();
    if (slots.containsKey(slotName) || parameterBytes + bytes > PARAMETER_BYTES) {
      throw new QuernException(
          "[record] slot '"
              + slotName
              + "' "
              + spec
              + (slots.containsKey(slotName)
                  ? " is declared twice; give it another name"
                  : " does not fit in the parameter segment of "
                      + PARAMETER_BYTES
                      + " bytes; use a buffer for large inputs"));
    }
    MemorySegment memory = parameters.segment().asSlice(parameterBytes, bytes);
    parameterBytes += (bytes + SegmentPool.ALIGNMENT_BYTES - 1) & -SegmentPool.ALIGNMENT_BYTES;
    slots.put(slotName, new Slot(slotName, spec, memory, lifetime));
    return symbolic(spec.dtype(), Layout.contiguous(spec.shape()), new Source(null, memory));
  }

  @Override
  public void output(String outputName, Tensor value) {
    if (outputs.putIfAbsent(outputName, value) != null) {
      throw new QuernException("[record] output '" + outputName + "' is declared twice");
    }
  }

  /**
   * Records a call.
   *
   * @param op the operation
   * @param inputs tensors of this recording, or with values
   * @param residuals whether residuals are wanted
   * @return the results, then the residuals
   */
  public List<Tensor> apply(Op op, List<Tensor> inputs, boolean residuals) {
    if (op instanceof ShapeOp view) {
      return List.of(view(view, inputs.getFirst()));
    }
    if (isConstant(op, inputs)) {
      return eager.run(op, inputs, residuals, this::constant);
    }
    checkDevice(op, inputs);
    List<TensorSpec> specs = inputs.stream().map(Tensor::spec).toList();
    List<TensorSpec> results = Eager.results(op, specs, residuals);
    KernelSignature signature =
        KernelSignature.of(op, inputs, results, residuals, eager.precision());
    Optional<Choice> choice = Eager.choose(eager.home(), signature);
    if (choice.isEmpty()) {
      return Eager.decompose(op, inputs, eager.home(), signature);
    }
    List<Tensor> operands = choice.get().pack() ? Eager.packed(op, inputs) : inputs;
    List<Tensor> out = new ArrayList<>();
    for (TensorSpec s : results) {
      Source made = new Source(new Workspace.Value(s.byteSize()), null);
      out.add(symbolic(s.dtype(), Layout.contiguous(s.shape()), made));
    }
    if (op.writes().isEmpty() && out.stream().allMatch(t -> t.shape().elements() == 0)) {
      return out; // as eagerly, there is nothing to compute
    }
    steps.add(new Step(op, choice.get(), signature, operands, out));
    return out;
  }

  private Tensor view(ShapeOp op, Tensor x) {
    if (x.hasValues()) {
      return Eager.view(op, x);
    }
    op.infer(List.of(x.spec()));
    Layout layout = op.view(x.layout());
    return layout == null ? view(op, x.contiguous()) : symbolic(x.dtype(), layout, source(x));
  }

  /**
   * Another handle on a value of this recording.
   *
   * @param x the value
   * @return the same dtype and layout
   */
  public Tensor alias(Tensor x) {
    return symbolic(x.dtype(), x.layout(), source(x));
  }

  private Tensor symbolic(DType dtype, Layout layout, Source source) {
    Tensor t = new Tensor(eager.executor(), dtype, layout, null);
    sources.put(t, source);
    return t;
  }

  private Source source(Tensor t) {
    Source s = sources.get(t);
    if (s == null) {
      throw new QuernException(
          "[record] tensor "
              + t.spec()
              + " belongs to another recording; use it where it was made");
    }
    return s;
  }

  /** A plan runs on the engine's device, and so all that it reads is there. */
  private void checkDevice(Op op, List<Tensor> inputs) {
    Device home = eager.home().device();
    for (Tensor t : inputs) {
      if (t.hasValues() && !t.device().equals(home)) {
        throw new DeviceException(
            "[%s] plan '%s' is recorded on %s and input %s is on %s; move it there before: x.to(device)"
                .formatted(op.name(), name, home, t.spec(), t.device()));
      }
    }
  }

  /**
   * Refuses to move what a plan can't move: it runs on one device, and a copy that is made now
   * would be what every replay sees.
   *
   * @param x what is to be moved
   * @param to where to
   * @throws DeviceException if it is a value of a recording, or a buffer that the plan would read
   */
  public void checkMove(Tensor x, Device to) {
    Device home = eager.home().device();
    if (!x.hasValues()) {
      throw new DeviceException(
          "[to] %s is a value of plan '%s', which runs on %s alone; move inputs before the recording, and outputs after Plan.run()"
              .formatted(x.spec(), name, home));
    }
    if (x.storage().isMutable() && to.equals(home)) {
      throw new DeviceException(
          "[to] buffer %s on %s would be copied to %s once, while plan '%s' is recorded, and no replay would see what is written to it; keep the buffer on %s"
              .formatted(x.spec(), x.device(), home, name, home));
    }
  }

  private static boolean isConstant(Op op, List<Tensor> inputs) {
    if (!op.writes().isEmpty()) {
      return false;
    }
    for (Tensor t : inputs) {
      if (!t.hasValues() || t.storage().isMutable()) {
        return false;
      }
    }
    return true;
  }

  private Storage constant(TensorSpec spec, DeviceMemory memory) {
    Storage s = Storage.allocate(memory, spec, lifetime, false);
    constants.add(s);
    return s;
  }

  /**
   * Ends the recording: places memory and binds kernels.
   *
   * @return the plan
   */
  public Plan finish() {
    List<Step> fused = Fusion.of(steps, outputs.values(), this::source, eager);
    long workspaceBytes = Workspace.place(values(fused));
    DeviceMemory there = eager.home().memory();
    Plan.Memory memory =
        new Plan.Memory(
            take(workspaceBytes),
            parameters,
            there.isHost() ? parameters : take(parameterBytes),
            parameterBytes,
            List.copyOf(constants));
    if (workspaceBytes >= LARGE_BYTES && there.isHost()) {
      eager.home().kernels().largePages(memory.workspace().segment());
    }
    PlanBinder binder = new PlanBinder(eager, lifetime, memory, this::source);
    Map<String, Tensor> results = binder.outputs(outputs);
    PlanBinder.Bound bound = binder.bind(name, fused, this::take);
    return new Plan(name, lifetime, memory, bound, eager.home(), slots, results);
  }

  /** Memory of the plan's device, which goes back if the recording is abandoned. */
  private Block take(long bytes) {
    Block block = Block.take(eager.home().memory(), Math.max(1, bytes));
    taken.add(block);
    return block;
  }

  /** The values that calls make, with their lives. */
  private List<Workspace.Value> values(List<Step> calls) {
    List<Workspace.Value> values = new ArrayList<>();
    for (int i = 0; i < calls.size(); i++) {
      for (Tensor t : calls.get(i).in()) {
        readAt(t, i);
      }
      for (Tensor t : calls.get(i).out()) {
        Workspace.Value v = Objects.requireNonNull(source(t).value());
        v.madeAt(i);
        values.add(v);
      }
    }
    outputs.values().forEach(t -> readAt(t, calls.size()));
    return values;
  }

  private void readAt(Tensor t, int step) {
    Workspace.Value v = t.hasValues() ? null : source(t).value();
    if (v != null) {
      v.readAt(step);
    }
  }

  /**
   * Gives up, and gives all memory back.
   *
   * @param because the error that ended the recording, which hears of what goes wrong here
   */
  public void abandon(Throwable because) {
    try {
      lifetime.close(this::giveBack);
    } catch (RuntimeException e) {
      because.addSuppressed(e);
    }
  }

  private void giveBack() {
    Cleanup cleanup = new Cleanup();
    cleanup.run(parameters::give);
    taken.forEach(b -> cleanup.run(b::give));
    constants.forEach(s -> cleanup.run(s::recycle));
    cleanup.done();
  }
}
