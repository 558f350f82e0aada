package dev.quern.testkit;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.UnaryOp.Exp;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.Probe;
import dev.quern.core.type.ScalarType;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.opentest4j.AssertionFailedError;

/** The kit notices what it is there for: kernels that are broken on purpose. */
class KernelConformanceTest {
  /** A backend that spoils the reference's results for exp of F32, and has nothing else. */
  private record Spoiled(@Nullable Consumer<KernelArgs> spoil) implements KernelProvider {
    @Override
    public String name() {
      return "spoiled";
    }

    @Override
    public int priority() {
      return 1;
    }

    @Override
    public Probe probe() {
      return new Probe.Usable("on purpose");
    }

    @Override
    public @Nullable Kernel find(KernelSignature s) {
      Consumer<KernelArgs> then = spoil;
      Kernel k = isMine(s) ? new ReferenceProvider().find(s) : null;
      if (k == null || then == null) {
        return null;
      }
      return new Kernel() {
        @Override
        public String name() {
          return "spoiled exp";
        }

        @Override
        public Runnable bind(KernelArgs args) {
          Runnable right = k.bind(args);
          return () -> {
            right.run();
            then.accept(args);
          };
        }
      };
    }
  }

  private static boolean isMine(KernelSignature s) {
    return s.op() instanceof Exp && s.inputs().getFirst() == ScalarType.F32;
  }

  /** Runs the group exp F32 over a provider that declares just that. */
  private static void run(@Nullable Consumer<KernelArgs> spoil, boolean declared) {
    KernelConformance kit =
        new KernelConformance() {
          @Override
          protected KernelProvider provider() {
            return new Spoiled(spoil);
          }

          @Override
          protected boolean declines(KernelSignature s) {
            return declared || !isMine(s);
          }
        };
    kit.open();
    try {
      for (var test : kit.kernels().filter(t -> t.getDisplayName().equals("exp F32")).toList()) {
        assertDoesNotThrow(test.getExecutable());
      }
    } finally {
      kit.close();
    }
  }

  private static void add(KernelArgs args, long at, double x) {
    TensorView y = args.output();
    if (at >= 0 && at < y.shape().elements()) {
      double v = Values.get(ScalarType.F32, y.segment(), at);
      Values.set(ScalarType.F32, y.segment(), at, v + x);
    }
  }

  private static void mustFail(@Nullable Consumer<KernelArgs> spoil, boolean declared, String why) {
    var e = assertThrows(AssertionFailedError.class, () -> run(spoil, declared));
    assertTrue(String.valueOf(e.getMessage()).contains(why), e.getMessage());
  }

  @Test
  void aRightKernelPasses() {
    run(_ -> {}, false);
  }

  @Test
  void oneWrongElementIsNoticed() {
    mustFail(a -> add(a, 32, 1e-3), false, "[32] is ");
  }

  @Test
  void resultsThatDependOnTheThreadsAreNoticed() {
    mustFail(a -> add(a, 0, 1e-9 * a.pool().threads()), false, "other bits with");
  }

  @Test
  void writingToAnInputIsNoticed() {
    mustFail(
        a -> {
          if (a.input(0).layout().offset() == 1) {
            Values.set(ScalarType.F32, a.input(0).segment(), 0, 0);
          }
        },
        false,
        "input 0 was written to");
  }

  @Test
  void aMissingKernelIsNoticed() {
    mustFail(null, false, "has no kernel");
  }

  @Test
  void aKernelThatWasDeclaredMissingIsNoticed() {
    mustFail(_ -> {}, true, "has a kernel, but declares none");
  }
}
