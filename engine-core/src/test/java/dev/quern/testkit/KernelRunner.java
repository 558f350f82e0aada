package dev.quern.testkit;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorScope;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.Tensor;
import dev.quern.core.plan.Plan;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Device;
import dev.quern.core.type.Layout;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** Runs a case in each of the ways in which it must give the same bits. */
final class KernelRunner {
  private static final long GUARD_BYTES = 64;
  private static final byte GUARD = 0x5a;

  private KernelRunner() {}

  /** Results of a call: what was returned, then the storages that were written. */
  record Results(List<TensorView> views) {
    /** All bytes, for comparison. */
    List<byte[]> bytes() {
      return views.stream().map(v -> Bits.of(v.dtype(), v.segment())).toList();
    }
  }

  /** The kernel itself. */
  static Results direct(Kernel kernel, KernelCase c, TaskPool pool) {
    return run(kernel, c, pool, 1);
  }

  /** The kernel itself, bound once and run twice over the same memory. */
  static Results twice(Kernel kernel, KernelCase c, TaskPool pool) {
    return run(kernel, c, pool, 2);
  }

  /**
   * The kernel itself, for a call that it must refuse.
   *
   * @throws AssertionError if it wrote to a buffer before it refused
   */
  static void refused(Kernel kernel, KernelCase c, TaskPool pool) {
    List<Operand> inputs = c.inputs().stream().map(Operand::duplicate).toList();
    KernelCase copy = new KernelCase(c.op(), inputs, c.precision(), c.residuals());
    List<TensorView> in = inputs.stream().map(Operand::view).toList();
    List<TensorView> out = new ArrayList<>();
    for (TensorSpec s : copy.results()) {
      MemorySegment y = Arena.ofAuto().allocate(s.byteSize(), 64);
      out.add(new TensorView(s.dtype(), Layout.contiguous(s.shape()), y));
    }
    MemorySegment scratch = Arena.ofAuto().allocate(kernel.scratchBytes(in, out), 64);
    try {
      kernel.bind(new KernelArgs(c.op(), in, out, c.precision(), pool, scratch)).run();
    } finally {
      for (int i = 0; i < in.size(); i++) {
        if (in.get(i).segment().mismatch(c.inputs().get(i).view().segment()) >= 0) {
          throw new AssertionError("wrote to input " + i + " before it refused");
        }
      }
    }
  }

  private static Results run(Kernel kernel, KernelCase c, TaskPool pool, int times) {
    List<TensorView> inputs = new ArrayList<>();
    List<TensorView> written = new ArrayList<>();
    for (int i = 0; i < c.inputs().size(); i++) {
      boolean writes = c.op().writes().contains(i);
      TensorView v = (writes ? c.inputs().get(i).duplicate() : c.inputs().get(i)).view();
      inputs.add(v);
      if (writes) {
        written.add(v);
      }
    }
    List<TensorView> outputs = new ArrayList<>();
    List<MemorySegment> guards = new ArrayList<>();
    for (TensorSpec s : c.results()) {
      MemorySegment all = Arena.ofAuto().allocate(s.byteSize() + 2 * GUARD_BYTES, 64).fill(GUARD);
      MemorySegment inner = all.asSlice(GUARD_BYTES, s.byteSize());
      guards.add(all.asSlice(0, GUARD_BYTES));
      guards.add(all.asSlice(GUARD_BYTES + s.byteSize()));
      outputs.add(new TensorView(s.dtype(), Layout.contiguous(s.shape()), inner));
    }
    MemorySegment scratch = Arena.ofAuto().allocate(kernel.scratchBytes(inputs, outputs), 64);
    Runnable call =
        kernel.bind(new KernelArgs(c.op(), inputs, outputs, c.precision(), pool, scratch));
    for (int i = 0; i < times; i++) {
      scratch.fill((byte) 0xff); // in a plan, others have used it since
      restore(c, written);
      call.run();
    }
    for (MemorySegment g : guards) {
      for (long i = 0; i < g.byteSize(); i++) {
        if (g.get(ValueLayout.JAVA_BYTE, i) != GUARD) {
          throw new AssertionError("wrote outside the result: " + c);
        }
      }
    }
    outputs.addAll(written);
    return new Results(outputs);
  }

  /** Gives the storages that a call writes to their first contents, as if it had not run. */
  private static void restore(KernelCase c, List<TensorView> written) {
    int next = 0;
    for (int i = 0; i < c.inputs().size(); i++) {
      if (c.op().writes().contains(i)) {
        written.get(next++).segment().copyFrom(c.inputs().get(i).view().segment());
      }
    }
  }

  /** Through an engine, at once, on its device. */
  static List<byte[]> eager(Engine engine, KernelCase c) {
    try (TensorScope _ = TensorScope.open()) {
      List<Tensor> inputs = tensors(engine, c);
      List<byte[]> results = new ArrayList<>();
      for (Tensor t : engine.apply(c.op(), inputs)) {
        results.add(bytes(engine, t));
      }
      results.addAll(written(engine, c, inputs));
      return results;
    }
  }

  /** Through an engine, recorded and replayed twice, on its device. */
  static List<byte[]> replayed(Engine engine, KernelCase c) {
    try (TensorScope _ = TensorScope.open()) {
      List<Tensor> inputs = tensors(engine, c);
      int count = c.op().infer(c.specs()).size();
      try (Plan plan =
          engine.record(
              "conformance",
              r -> {
                List<Tensor> out = engine.apply(c.op(), inputs);
                for (int i = 0; i < count; i++) {
                  r.output("y" + i, out.get(i));
                }
              })) {
        plan.run();
        for (int i : c.op().writes()) {
          engine.home().upload(c.inputs().get(i).view().segment(), segment(inputs.get(i)));
        }
        plan.run();
        List<byte[]> results = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          results.add(bytes(engine, plan.output("y" + i)));
        }
        results.addAll(written(engine, c, inputs));
        return results;
      }
    }
  }

  /** A result's bytes; waits for the device, which may then say what it found wrong. */
  private static byte[] bytes(Engine engine, Tensor t) {
    engine.home().synchronize();
    return t.shape().elements() == 0
        ? new byte[0]
        : Bits.of(t.dtype(), t.to(Device.CPU).contiguous().segment());
  }

  /** All bytes of the storages that were written, gaps included. */
  private static List<byte[]> written(Engine engine, KernelCase c, List<Tensor> inputs) {
    List<byte[]> all = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      if (c.op().writes().contains(i)) {
        MemorySegment there = segment(inputs.get(i));
        MemorySegment host = Arena.ofAuto().allocate(there.byteSize(), 64);
        engine.home().download(there, host);
        all.add(Bits.of(inputs.get(i).dtype(), host));
      }
    }
    return all;
  }

  private static MemorySegment segment(Tensor t) {
    return t.storage().segment().asSlice(0, t.storage().spec().byteSize());
  }

  private static List<Tensor> tensors(Engine engine, KernelCase c) {
    List<Tensor> inputs = new ArrayList<>();
    for (int i = 0; i < c.inputs().size(); i++) {
      boolean writes = c.op().writes().contains(i);
      inputs.add((writes ? c.inputs().get(i).duplicate() : c.inputs().get(i)).tensor(engine));
    }
    return inputs;
  }
}
