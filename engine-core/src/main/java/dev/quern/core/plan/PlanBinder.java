package dev.quern.core.plan;

import dev.quern.core.memory.Block;
import dev.quern.core.memory.Lifetime;
import dev.quern.core.memory.Storage;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Tensor;
import dev.quern.core.spi.Backend;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.NamedCall;
import dev.quern.core.spi.ReadAhead;
import dev.quern.core.spi.Replay;
import dev.quern.core.spi.StreamingCall;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** Gives recorded steps their memory. */
final class PlanBinder {
  private final Eager eager;
  private final Lifetime lifetime;
  private final Plan.Memory memory;
  private final Function<Tensor, Recorder.Source> sources;

  PlanBinder(
      Eager eager,
      Lifetime lifetime,
      Plan.Memory memory,
      Function<Tensor, Recorder.Source> sources) {
    this.eager = eager;
    this.lifetime = lifetime;
    this.memory = memory;
    this.sources = sources;
  }

  /**
   * The bound calls, what they depend on, and what they write; and how a device other than the host
   * repeats them.
   */
  record Bound(
      List<Runnable> calls,
      List<Recorder.Step> steps,
      List<Storage> uses,
      List<Storage> writes,
      @Nullable Block scratch,
      @Nullable Replay replay) {}

  /**
   * Binds steps.
   *
   * @param plan its name
   * @param steps in order
   * @param space takes memory that goes back if the recording fails
   */
  Bound bind(String plan, List<Recorder.Step> steps, LongFunction<Block> space) {
    long scratchBytes = 0;
    for (Recorder.Step s : steps) {
      scratchBytes =
          Math.max(scratchBytes, s.choice().kernel().scratchBytes(views(s.in()), views(s.out())));
    }
    Backend home = eager.home();
    Block block = scratchBytes == 0 ? null : space.apply(scratchBytes);
    MemorySegment scratch = block == null ? MemorySegment.NULL : block.segment();
    Set<Storage> uses = new LinkedHashSet<>();
    List<Storage> writes = new ArrayList<>();
    List<Runnable> calls = new ArrayList<>();
    for (Recorder.Step s : steps) {
      for (Tensor t : s.in()) {
        if (t.hasValues()) {
          uses.add(t.storage());
        }
      }
      for (int i : s.op().writes()) {
        writes.add(s.in().get(i).storage());
      }
      calls.add(
          s.choice()
              .kernel()
              .bind(
                  new KernelArgs(
                      s.op(),
                      views(s.in()),
                      views(s.out()),
                      s.signature().precision(),
                      eager.pool(),
                      scratch)));
    }
    announce(calls);
    Replay replay =
        home.memory().isHost()
            ? null
            : home.compile(plan, calls, memory.usedSlots(), memory.parameters().segment());
    return new Bound(List.copyOf(calls), List.copyOf(steps), byOwner(uses), writes, block, replay);
  }

  /** Tells each streaming call what the next one reads first; after the last comes the first. */
  static void announce(List<Runnable> calls) {
    ReadAhead next = null;
    for (int i = 2 * calls.size() - 1; i >= 0; i--) {
      if (calls.get(i % calls.size()) instanceof StreamingCall call && call.first() != null) {
        if (next != null) {
          call.then(next);
        }
        next = call.first();
      }
    }
  }

  /** Those of one owner side by side, so that a replay acquires each owner once. */
  private static List<Storage> byOwner(Set<Storage> uses) {
    Map<Lifetime, List<Storage>> owners = new LinkedHashMap<>();
    uses.forEach(s -> owners.computeIfAbsent(s.lifetime(), _ -> new ArrayList<>()).add(s));
    return owners.values().stream().flatMap(List::stream).toList();
  }

  Map<String, Tensor> outputs(Map<String, Tensor> recorded) {
    Map<String, Tensor> outputs = new LinkedHashMap<>();
    recorded.forEach((n, t) -> outputs.put(n, t.hasValues() ? t : output(t)));
    return outputs;
  }

  private Tensor output(Tensor t) {
    Block block = sources.apply(t).slot() == null ? memory.workspace() : memory.parameters();
    Storage s = new Storage(block, view(t).segment(), t.spec(), lifetime, true);
    return new Tensor(eager.executor(), t.dtype(), t.layout(), s);
  }

  private List<TensorView> views(List<Tensor> tensors) {
    return tensors.stream().map(this::view).toList();
  }

  private TensorView view(Tensor t) {
    if (t.hasValues()) {
      return t.view();
    }
    Recorder.Source s = sources.apply(t);
    Workspace.Value v = s.value();
    MemorySegment slot = s.slot();
    if (slot != null) {
      return new TensorView(t.dtype(), t.layout(), memory.whereKernelsRead(slot));
    }
    if (v == null) {
      throw new IllegalStateException("a symbolic tensor has neither value nor slot");
    }
    MemorySegment made = memory.workspace().segment().asSlice(v.offsetBytes, v.bytes);
    return new TensorView(t.dtype(), t.layout(), made);
  }

  /** What {@code explain} prints of a step. */
  static String describe(Recorder.Step s, Runnable call) {
    return "%s %s -> %s: %s %s"
        .formatted(
            s.op().name(),
            KernelEvent.specs(s.in()),
            s.choice().provider(),
            kernel(s, call),
            s.signature().precision());
  }

  /** The kernel of a call, as exactly as it is known. */
  static String kernel(Recorder.Step s, Runnable call) {
    return call instanceof NamedCall named ? named.name() : s.choice().kernel().name();
  }
}
