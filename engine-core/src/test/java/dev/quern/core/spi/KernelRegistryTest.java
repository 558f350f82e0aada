package dev.quern.core.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.engine.Engine;
import dev.quern.core.memory.PageMover;
import dev.quern.core.op.Tensor;
import dev.quern.core.op.UnaryOp.Exp;
import dev.quern.core.reference.ReferenceProvider;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.SettingException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class KernelRegistryTest {
  private static final String ALL = "quern.kernels";
  private static final String EXP = "quern.kernels.exp";
  private static final String SOFTMAX = "quern.kernels.softmax";

  /** A provider of nothing. */
  private record Empty(String name, int priority, Probe probe) implements KernelProvider {
    Empty(String name, int priority) {
      this(name, priority, new Probe.Usable("nothing"));
    }

    @Override
    public String device() {
      return "cpu";
    }

    @Override
    public @Nullable Kernel find(KernelSignature signature) {
      return null;
    }
  }

  private static final Probe BROKEN = new Probe.Refused("it is broken", "mend it");

  private static Engine engine() {
    return Engine.builder()
        .kernels(new Empty("a", 5), new Empty("d", 7), new Empty("b", 9), new Empty("c", 8, BROKEN))
        .build();
  }

  @AfterEach
  void clear() {
    System.clearProperty(ALL);
    System.clearProperty(SOFTMAX);
    System.clearProperty(EXP);
    System.clearProperty("quern.kernels.sofmax");
  }

  @Test
  void providersAreListedBestFirst() {
    KernelRegistry kernels = engine().kernels();
    List<String> expected = List.of("b", "c", "d", "a", "reference");
    assertEquals(expected, kernels.names());
    assertEquals(expected, new ArrayList<>(kernels.probes().keySet()));
    assertThrows(UnsupportedOperationException.class, () -> kernels.probes().clear());
  }

  /** Takes no gaps. */
  private record Dense(ReferenceProvider reference) implements KernelProvider {
    @Override
    public String name() {
      return "dense";
    }

    @Override
    public int priority() {
      return 1;
    }

    @Override
    public Probe probe() {
      return new Probe.Usable("all without gaps");
    }

    @Override
    public @Nullable Kernel find(KernelSignature signature) {
      return signature.allContiguous() ? reference.find(signature) : null;
    }
  }

  @Test
  void aDevicesOnlyProviderIsNoMatterOfOverridesAndGetsWhatItCantTakePacked() {
    System.setProperty(ALL, "a");
    KernelRegistry kernels = KernelRegistry.of(new Dense(new ReferenceProvider()));
    System.clearProperty(ALL);
    Tensor x = engine().normal(1, 2, 3);
    Exp exp = new Exp();
    System.setProperty(ALL, "a");
    KernelSignature dense =
        KernelSignature.of(exp, List.of(x), List.of(x.spec()), false, Precision.EXACT);
    assertFalse(kernels.find(dense).orElseThrow().pack());
    Tensor t = x.transpose();
    KernelSignature gaps =
        KernelSignature.of(exp, List.of(t), List.of(t.spec()), false, Precision.EXACT);
    assertTrue(kernels.find(gaps).orElseThrow().pack());
  }

  @Test
  void anOverrideOfAnUnknownProviderIsRefusedAtOnce() {
    System.setProperty(ALL, "a, nativ");
    SettingException e = assertThrows(SettingException.class, KernelRegistryTest::engine);
    assertEquals(
        "-Dquern.kernels=a, nativ is not allowed; it takes names separated by commas, of:"
            + " b, c, d, a, reference",
        e.getMessage());
    System.clearProperty(ALL);
    System.setProperty(SOFTMAX, "x");
    e = assertThrows(SettingException.class, KernelRegistryTest::engine);
    assertTrue(
        e.getMessage().startsWith("-Dquern.kernels.softmax=x is not allowed"), e::getMessage);
  }

  @Test
  void anOverrideOfAnUnknownOperationIsRefusedAtOnce() {
    System.setProperty("quern.kernels.sofmax", "reference");
    SettingException e = assertThrows(SettingException.class, KernelRegistryTest::engine);
    assertTrue(
        e.getMessage()
            .startsWith("-Dquern.kernels.sofmax=reference names no operation; there are:"),
        e::getMessage);
    for (String op : List.of(" softmax", " matmul", " rmsNorm", " linear", " cast")) {
      assertTrue(e.getMessage().contains(op + ",") || e.getMessage().endsWith(op), e::getMessage);
    }
  }

  /** A provider of nothing but larger pages. */
  private record Pages(String name, int priority) implements KernelProvider {
    @Override
    public Probe probe() {
      return new Probe.Usable("pages");
    }

    @Override
    public @Nullable Kernel find(KernelSignature signature) {
      return null;
    }

    @Override
    public PageMover pageMover() {
      return _ -> true;
    }

    @Override
    public boolean largePages(MemorySegment memory) {
      return true;
    }
  }

  @Test
  void aProviderThatIsLeftOutMovesNoMemoryEither() {
    KernelRegistry kernels =
        Engine.builder().kernels(new Empty("a", 5), new Pages("pages", 1)).build().kernels();
    assertTrue(kernels.pageMover().isPresent());
    assertTrue(kernels.largePages(MemorySegment.NULL));
    System.setProperty(ALL, "a,reference");
    assertTrue(kernels.pageMover().isEmpty());
    assertFalse(kernels.largePages(MemorySegment.NULL));
    System.setProperty(ALL, "a,pages");
    assertTrue(kernels.pageMover().isPresent());
  }

  @Test
  void anOverrideOfARefusedProviderSaysWhyWhenAskedForAKernel() {
    System.setProperty(ALL, "c");
    Engine engine = engine();
    NotSupportedException e =
        assertThrows(NotSupportedException.class, () -> engine.full(ScalarType.F32, 1, 2));
    assertEquals(
        "-Dquern.kernels names 'c', which can't be used: it is broken; mend it", e.getMessage());
  }

  @Test
  void anOverrideThatLeavesOutTheKernelIsNamedInTheError() {
    Engine engine = engine();
    Tensor x = engine.normal(1, 2, 3);
    System.setProperty(EXP, "a");
    NotSupportedException e = assertThrows(NotSupportedException.class, () -> x.exp());
    assertTrue(e.getMessage().startsWith("[exp] no kernel for "), e::getMessage);
    assertTrue(
        e.getMessage().endsWith("; -Dquern.kernels.exp leaves out reference; add it"),
        e::getMessage);
    System.clearProperty(EXP);
    System.setProperty(ALL, "a");
    e = assertThrows(NotSupportedException.class, () -> x.transpose().abs());
    assertTrue(
        e.getMessage().endsWith("; -Dquern.kernels leaves out reference; add it"), e::getMessage);
    System.setProperty(ALL, "a,reference");
    assertEquals(6, x.neg().toFloats().length);
  }

  @Test
  void exclusionsAreTold() {
    KernelRegistry kernels =
        new KernelRegistry(List.of(new ReferenceProvider(), new Empty("a", 5)));
    assertFalse(kernels.isExcluded("a"));
    assertTrue(KernelRegistry.overrides().isEmpty());
    System.setProperty(ALL, "reference");
    System.setProperty(SOFTMAX, " a ,reference");
    assertTrue(kernels.isExcluded("a"));
    assertFalse(kernels.isExcluded("reference"));
    assertEquals(
        "{quern.kernels=reference, quern.kernels.softmax=a ,reference}",
        KernelRegistry.overrides().toString());
  }
}
