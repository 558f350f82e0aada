package dev.quern.core.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.TensorView;
import dev.quern.core.op.FusedOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.Tensor;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Sees what plans fuse through a provider that has a kernel for every fused operation. */
abstract class FusingEngine {
  static final TensorSpec X = TensorSpec.of(ScalarType.F32, 3, 8);

  final Engine engine = engine(_ -> true);
  final Tensor square = engine.normal(1, 8, 8);
  final Tensor other = engine.normal(2, 8, 8);
  final Tensor third = engine.normal(3, 8, 8);
  final Tensor bias = engine.normal(4, 8);

  static Engine engine(Predicate<Op> taken) {
    return Engine.builder().kernels(new Fuser(taken)).build();
  }

  /** The reference kernels under another name, and names for fused operations. */
  private record Fuser(Predicate<Op> taken) implements KernelProvider {
    private static final ReferenceProvider REFERENCE = new ReferenceProvider();

    @Override
    public String name() {
      return "fuser";
    }

    @Override
    public int priority() {
      return 100;
    }

    @Override
    public Probe probe() {
      return REFERENCE.probe();
    }

    @Override
    public @Nullable Kernel find(KernelSignature s) {
      if (!taken.test(s.op())) {
        return null;
      }
      return s.op() instanceof FusedOp ? new Named() : REFERENCE.find(s);
    }
  }

  /** A kernel that is never run, of a call whose operands its operation accepts. */
  private record Named() implements Kernel {
    @Override
    public String name() {
      return "fused";
    }

    @Override
    public Runnable bind(KernelArgs args) {
      assertEquals(specs(args.outputs()), args.op().infer(specs(args.inputs())));
      return () -> {};
    }
  }

  private static List<TensorSpec> specs(List<TensorView> views) {
    return views.stream().map(TensorView::spec).toList();
  }

  /** The operations of a plan, in order; its input is a value of the plan. */
  static List<String> calls(Engine engine, Function<Tensor, List<Tensor>> code) {
    try (Plan plan =
        engine.record(
            "p",
            r -> {
              List<Tensor> out = code.apply(r.slot("x", X).mul(2));
              for (int i = 0; i < out.size(); i++) {
                r.output("y" + i, out.get(i));
              }
            })) {
      return plan.explain().lines().skip(1).map(l -> l.substring(0, l.indexOf(' '))).toList();
    }
  }

  List<String> calls(Function<Tensor, List<Tensor>> code) {
    return calls(engine, code);
  }
}
