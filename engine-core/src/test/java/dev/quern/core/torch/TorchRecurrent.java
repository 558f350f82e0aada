package dev.quern.core.torch;

import static dev.quern.core.torch.TorchOps.putAll;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Recurrent networks, step by step. */
final class TorchRecurrent {
  private TorchRecurrent() {}

  /** A cell: from input and state (one tensor, or h and c) to the next state. */
  @FunctionalInterface
  private interface Cell {
    List<Tensor> step(Tensor x, List<Tensor> state);
  }

  static void add() {
    putAll("lstm", c -> run(c, true));
    putAll("gru", c -> run(c, false));
  }

  private static List<Tensor> run(TorchCase c, boolean lstm) {
    boolean batchFirst = c.flag("batch_first", false);
    Tensor x = batchFirst ? c.in("input").transpose(0, 1) : c.in("input"); // (T, B, C)
    int directions = c.flag("bidirectional", false) ? 2 : 1;
    List<Tensor> h = new ArrayList<>();
    List<Tensor> cells = new ArrayList<>();
    for (int layer = 0; layer < c.integer("num_layers", 1); layer++) {
      List<Tensor> outputs = new ArrayList<>();
      for (int d = 0; d < directions; d++) {
        int at = layer * directions + d;
        List<Tensor> state = new ArrayList<>();
        state.add(initial(c, "h0", x, at));
        if (lstm) {
          state.add(initial(c, "c0", x, at));
        }
        String suffix = "_l" + layer + (d == 1 ? "_reverse" : "");
        Cell cell = lstm ? lstm(c, suffix) : gru(c, suffix);
        outputs.add(sequence(cell, x, state, d == 1));
        h.add(state.getFirst());
        if (lstm) {
          cells.add(state.getLast());
        }
      }
      x = directions == 1 ? outputs.getFirst() : outputs.getFirst().concat(-1, outputs.getLast());
    }
    Tensor y = batchFirst ? x.transpose(0, 1) : x;
    return lstm ? List.of(y, stacked(h), stacked(cells)) : List.of(y, stacked(h));
  }

  private static Tensor initial(TorchCase c, String name, Tensor x, int at) {
    return c.has(name)
        ? c.in(name).select(0, at)
        : x.fullLike(0, Shape.of(x.shape().dim(1), c.integer("hidden_size", 0)));
  }

  private static Tensor stacked(List<Tensor> all) {
    return all.getFirst().stack(0, all.subList(1, all.size()).toArray(Tensor[]::new));
  }

  /** All steps; the state becomes the last one. */
  private static Tensor sequence(Cell cell, Tensor x, List<Tensor> state, boolean reverse) {
    List<Tensor> steps = new ArrayList<>();
    long n = x.shape().dim(0);
    for (long t = 0; t < n; t++) {
      List<Tensor> next = cell.step(x.select(0, reverse ? n - 1 - t : t), state);
      state.clear();
      state.addAll(next);
      steps.add(next.getFirst());
    }
    if (reverse) {
      Collections.reverse(steps);
    }
    return stacked(steps);
  }

  private static Tensor linear(Tensor x, Tensor w, @Nullable Tensor bias) {
    return bias == null ? x.linear(w) : x.linear(w, bias);
  }

  private static Cell lstm(TorchCase c, String suffix) {
    return (x, state) -> {
      Tensor gates =
          linear(x, c.in("weight_ih" + suffix), c.optional("bias_ih" + suffix))
              .add(
                  linear(
                      state.getFirst(),
                      c.in("weight_hh" + suffix),
                      c.optional("bias_hh" + suffix)));
      long n = state.getFirst().shape().dim(-1);
      List<Tensor> g = gates.split(-1, n, n, n, n);
      Tensor cell =
          g.get(1).sigmoid().mul(state.getLast()).add(g.get(0).sigmoid().mul(g.get(2).tanh()));
      return List.of(g.get(3).sigmoid().mul(cell.tanh()), cell);
    };
  }

  private static Cell gru(TorchCase c, String suffix) {
    return (x, state) -> {
      Tensor h = state.getFirst();
      long n = h.shape().dim(-1);
      List<Tensor> a =
          linear(x, c.in("weight_ih" + suffix), c.optional("bias_ih" + suffix)).split(-1, n, n, n);
      List<Tensor> b =
          linear(h, c.in("weight_hh" + suffix), c.optional("bias_hh" + suffix)).split(-1, n, n, n);
      Tensor r = a.get(0).add(b.get(0)).sigmoid();
      Tensor z = a.get(1).add(b.get(1)).sigmoid();
      Tensor fresh = a.get(2).add(r.mul(b.get(2))).tanh();
      return List.of(fresh.add(z.mul(h.sub(fresh))));
    };
  }
}
