package dev.quern.kernels.cpu;

import static dev.quern.kernels.cpu.Segments.I16;
import static dev.quern.kernels.cpu.Segments.I32;
import static dev.quern.kernels.cpu.Segments.I64;
import static dev.quern.kernels.cpu.Segments.I8;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.BufferOp;
import dev.quern.core.op.DataOp;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Contiguous, Assign and Concat: elements of any unblocked type moved bit for bit between any
 * layouts.
 *
 * <p>In parallel over runs of the merged shape; a run without gaps on both sides is one copy,
 * others go element by element.
 */
record CopyKernel(Op op) implements Kernel {
  /** The kernel for a call, or null. */
  static @Nullable Kernel find(Op op, KernelSignature s) {
    for (DType t : s.inputs()) {
      if (t.isBlock()) {
        return null;
      }
    }
    return new CopyKernel(op);
  }

  @Override
  public String name() {
    return op.name() + " copy";
  }

  @Override
  public Runnable bind(KernelArgs args) {
    return switch (op) {
      case BufferOp.Assign _ -> new Task(args, args.input(1), args.input(0));
      case DataOp.Concat(int axis) -> {
        List<Task> parts = new ArrayList<>();
        TensorView y = args.output();
        long at = 0;
        for (TensorView x : args.inputs()) {
          long n = x.shape().dim(axis);
          Layout place = y.layout().slice(axis, at, n, 1);
          parts.add(new Task(args, x, new TensorView(y.dtype(), place, y.segment())));
          at += n;
        }
        yield () -> parts.forEach(Task::run);
      }
      default -> new Task(args, args.input(0), args.output());
    };
  }

  private static final class Task extends SlicedTask {
    private static final long CHUNK = 16L << 10;

    private final Walk walk;
    private final MemorySegment s;
    private final MemorySegment d;
    private final int size;
    private final long chunks;

    Task(KernelArgs args, TensorView from, TensorView to) {
      super(args.pool(), sliceCount(to.shape().elements(), 64L << 10));
      walk = new Walk(to.shape(), List.of(from, to));
      s = Segments.of(from);
      d = Segments.of(to);
      size = to.dtype().blockBytes();
      chunks = Math.max(1, Math.ceilDiv(walk.inner, CHUNK));
    }

    @Override
    public void run(int slice) {
      long items = walk.runs * chunks;
      long end = sliceStart(items, slices, slice + 1);
      for (long i = sliceStart(items, slices, slice); i < end; i++) {
        long first = (i % chunks) * CHUNK;
        int n = (int) Math.min(CHUNK, walk.inner - first);
        long from = walk.at(0, i / chunks) + first * walk.step(0);
        long to = walk.at(1, i / chunks) + first * walk.step(1);
        if (walk.step(0) == size && walk.step(1) == size) {
          MemorySegment.copy(s, from, d, to, (long) n * size);
        } else {
          elements(from, to, n);
        }
      }
    }

    private void elements(long from, long to, int n) {
      long p = walk.step(0);
      long q = walk.step(1);
      switch (size) {
        case 1 -> {
          for (int i = 0; i < n; i++) {
            d.set(I8, to + i * q, s.get(I8, from + i * p));
          }
        }
        case 2 -> {
          for (int i = 0; i < n; i++) {
            d.set(I16, to + i * q, s.get(I16, from + i * p));
          }
        }
        case 4 -> {
          for (int i = 0; i < n; i++) {
            d.set(I32, to + i * q, s.get(I32, from + i * p));
          }
        }
        default -> {
          for (int i = 0; i < n; i++) {
            d.set(I64, to + i * q, s.get(I64, from + i * p));
          }
        }
      }
    }
  }
}
