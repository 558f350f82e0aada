package dev.quern.core.plan;

import dev.quern.core.memory.Block;
import dev.quern.core.memory.Cleanup;
import dev.quern.core.memory.LeakReport;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.Uses;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.Replay;
import dev.quern.core.type.QuernException;
import dev.quern.core.type.ScopeClosedException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Recorded code, ready to be replayed: bound kernels in order, over one workspace.
 *
 * <p>A plan is used by one thread at a time. Its outputs are overwritten by the next {@link #run}.
 */
public final class Plan implements AutoCloseable {
  /**
   * What a plan owns. Slots are written on the host; kernels read them in the parameters, which are
   * the same memory on the host and a copy on other devices.
   */
  record Memory(
      Block workspace, Block slots, Block parameters, long slotBytes, List<Storage> constants) {

    /** The slots that were declared. */
    MemorySegment usedSlots() {
      return slots.segment().asSlice(0, slotBytes);
    }

    MemorySegment whereKernelsRead(MemorySegment slot) {
      return slots == parameters
          ? slot
          : parameters
              .segment()
              .asSlice(slot.address() - slots.segment().address(), slot.byteSize());
    }
  }

  private final String name;
  private final Lifetime lifetime;
  private final Memory memory;
  private final PlanBinder.Bound bound;
  private final Backend backend;
  private final Map<String, Slot> slots;
  private final Map<String, Tensor> outputs;
  private final LeakReport leak;
  private final AtomicBoolean running = new AtomicBoolean();
  private final Uses uses;

  Plan(
      String name,
      Lifetime lifetime,
      Memory memory,
      PlanBinder.Bound bound,
      Backend backend,
      Map<String, Slot> slots,
      Map<String, Tensor> outputs) {
    this.name = name;
    this.lifetime = lifetime;
    this.memory = memory;
    this.bound = bound;
    this.backend = backend;
    this.slots = slots;
    this.outputs = outputs;
    this.uses = new Uses(bound.uses().size());
    Replay replay = bound.replay();
    this.leak =
        LeakReport.watch(this, lifetime, memory.constants(), replay == null ? null : replay::close);
  }

  /**
   * Its name.
   *
   * @return as it was recorded
   */
  public String name() {
    return name;
  }

  /**
   * An input.
   *
   * @param slotName as it was declared
   * @return the slot, to be set before {@link #run}
   * @throws QuernException if there is none; the message lists those there are
   */
  public Slot slot(String slotName) {
    Slot s = slots.get(slotName);
    if (s == null) {
      throw new QuernException(
          "plan '" + name + "' has no slot '" + slotName + "'; it has " + slots.keySet());
    }
    return s;
  }

  /**
   * A result. The tensor shows the latest replay.
   *
   * @param outputName as it was declared
   * @return a tensor over the plan's memory
   * @throws QuernException if there is none; the message lists those there are
   */
  public Tensor output(String outputName) {
    Tensor t = outputs.get(outputName);
    if (t == null) {
      throw new QuernException(
          "plan '" + name + "' has no output '" + outputName + "'; it has " + outputs.keySet());
    }
    return t;
  }

  /**
   * The names of its results.
   *
   * @return as they were declared
   */
  public Set<String> outputs() {
    return outputs.keySet();
  }

  /**
   * Replays it: no allocation, no look-up. Closing the owner of something it reads meanwhile, on
   * another thread, frees nothing before the replay has ended.
   *
   * @throws ScopeClosedException if the plan, or something it reads, was closed
   * @throws QuernException if another thread is replaying it
   */
  public void run() {
    run(1);
  }

  /**
   * Replays it some times over, with the slots as they are now: for plans that go on from what they
   * left in buffers. A device has one graph to launch for each replay, and nothing to copy.
   *
   * @param times how often, at least 1
   * @throws ScopeClosedException if the plan, or something it reads, was closed
   * @throws QuernException if another thread is replaying it, or {@code times} is not positive
   */
  public void run(int times) {
    if (times < 1) {
      throw new QuernException(
          "plan '" + name + "' can't be replayed " + times + " times; at least once");
    }
    if (!running.compareAndSet(false, true)) {
      throw new QuernException(
          "plan '" + name + "' is being replayed by another thread; record one per thread");
    }
    try {
      checkOpen();
      for (int i = 0; i < bound.uses().size(); i++) {
        uses.acquire(bound.uses().get(i));
      }
      boolean observed = Eager.isObserved();
      if (bound.replay() != null && !observed) {
        bound.replay().run(times);
      } else {
        for (int i = 0; i < times; i++) {
          runCalls(observed);
        }
      }
      for (int i = 0; i < bound.writes().size(); i++) {
        bound.writes().get(i).wrote();
      }
    } finally {
      uses.release();
      running.set(false);
      Reference.reachabilityFence(this);
    }
  }

  private void runCalls(boolean observed) {
    if (observed) {
      runObserved();
    } else {
      for (int i = 0; i < bound.calls().size(); i++) {
        bound.calls().get(i).run();
      }
    }
  }

  private void runObserved() {
    if (bound.replay() != null) {
      backend.upload(memory.usedSlots(), memory.parameters().segment());
    }
    for (int i = 0; i < bound.calls().size(); i++) {
      KernelEvent event = new KernelEvent();
      event.begin();
      bound.calls().get(i).run();
      backend.synchronize();
      event.end();
      Recorder.Step step = bound.steps().get(i);
      event.describe(step.op(), step.choice(), step.signature().precision(), step.in(), step.out());
      event.commit();
    }
  }

  private void checkOpen() {
    if (!lifetime.isOpen()) {
      throw new ScopeClosedException("plan '" + name + "' was used after it was closed");
    }
  }

  /**
   * Number of kernel calls in a replay.
   *
   * @return how many
   */
  public int size() {
    return bound.calls().size();
  }

  /**
   * Whose kernels it runs.
   *
   * @return provider names, in order of first use
   */
  public Set<String> providers() {
    Set<String> names = new LinkedHashSet<>();
    bound.steps().forEach(s -> names.add(s.choice().provider()));
    return names;
  }

  /**
   * The kernels it runs, in order, as {@link #explain} names them.
   *
   * @return a name for each call
   */
  public List<String> kernels() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < bound.steps().size(); i++) {
      names.add(PlanBinder.kernel(bound.steps().get(i), bound.calls().get(i)));
    }
    return names;
  }

  /**
   * Memory for intermediate values, scratch included.
   *
   * @return bytes
   */
  public long workspaceBytes() {
    Block scratch = bound.scratch();
    return memory.workspace().segment().byteSize()
        + (scratch == null ? 0 : scratch.segment().byteSize());
  }

  /**
   * What runs: a line per call with operation, operands, provider, kernel and precision.
   *
   * @return the lines
   */
  public String explain() {
    StringBuilder s = new StringBuilder();
    s.append("plan '").append(name).append("': ").append(size()).append(" calls, ");
    s.append(workspaceBytes()).append(" bytes of workspace");
    for (int i = 0; i < bound.steps().size(); i++) {
      s.append('\n').append(PlanBinder.describe(bound.steps().get(i), bound.calls().get(i)));
    }
    return s.toString();
  }

  /**
   * Gives its memory back; its outputs can't be used any more. If an operation of another thread is
   * reading one, the memory is recycled when that has ended.
   *
   * @throws ScopeClosedException if closed twice, or while another thread replays it
   */
  @Override
  public void close() {
    if (!running.compareAndSet(false, true)) {
      throw new ScopeClosedException(
          "plan '" + name + "' is being replayed by another thread; wait for it, then close");
    }
    try {
      if (!lifetime.close(this::recycle)) {
        throw new ScopeClosedException("plan '" + name + "' was closed twice; close it once");
      }
    } finally {
      running.set(false);
      leak.done();
    }
  }

  private void recycle() {
    Cleanup cleanup = new Cleanup();
    Replay replay = bound.replay();
    if (replay != null) {
      cleanup.run(replay::close);
    }
    if (outputs.values().stream().noneMatch(t -> t.storage().hasEscaped())) {
      cleanup.run(memory.workspace()::give);
    }
    if (slots.values().stream().noneMatch(Slot::hasEscaped)) {
      cleanup.run(memory.slots()::give);
      cleanup.run(memory.parameters()::give);
    }
    memory.constants().forEach(s -> cleanup.run(s::recycle));
    Block scratch = bound.scratch();
    if (scratch != null) {
      cleanup.run(scratch::give);
    }
    cleanup.done();
  }
}
