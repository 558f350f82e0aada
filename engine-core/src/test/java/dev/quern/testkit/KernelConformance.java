package dev.quern.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.quern.core.engine.Engine;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelProvider;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.Precision;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/**
 * What every kernel of a backend must do: agree with the reference within {@link Tolerance}, on
 * awkward sizes, layouts and values; give the same bits with 1, 2, 3 and 8 threads, eagerly and as
 * a replayed plan, on the device of an engine; stay inside its results; refuse wrong values with a
 * typed error; and be there, or be declared missing.
 *
 * <p>A backend extends this class, supplies its provider, and declares what it has no kernels for.
 * Its kernels are called directly, so that nothing can hide a missing one.
 */
@TestInstance(Lifecycle.PER_CLASS)
public abstract class KernelConformance {
  private static final int SHOWN = 5;
  private final Map<Integer, TaskPool> pools = new LinkedHashMap<>();
  private final Map<Precision, Engine> engines = new LinkedHashMap<>();

  /** For subclasses. */
  protected KernelConformance() {}

  /**
   * The backend.
   *
   * @return its provider; must be usable here
   */
  protected abstract KernelProvider provider();

  /**
   * Whether the backend has no kernel for a call. It must answer null to exactly these.
   *
   * @param signature the call
   * @return true if it is declared missing
   */
  protected abstract boolean declines(KernelSignature signature);

  /**
   * With how many threads, beside one, the kernels run; the bits must be the same.
   *
   * @return at least one number
   */
  protected int[] threads() {
    return new int[] {2, 3, 8};
  }

  /**
   * Whether a case is run. All are, unless a backend is too slow for that where the build runs, and
   * runs the others elsewhere.
   *
   * @param c the case
   * @return true if so
   */
  protected boolean covers(KernelCase c) {
    return true;
  }

  /**
   * An engine with the backend's kernels, through which cases also run, eagerly and as a plan.
   *
   * @param builder with precision and threads as cases want them
   * @return an engine over host memory, unless the backend has a device of its own
   */
  protected Engine engine(Engine.Builder builder) {
    return builder.kernels(provider()).build();
  }

  @BeforeAll
  final void open() {
    pools.put(1, new TaskPool(1));
    for (int n : threads()) {
      pools.put(n, new TaskPool(n));
    }
    for (Precision p : new Precision[] {Precision.EXACT, Precision.FAST, Precision.BF16}) {
      engines.put(p, engine(Engine.builder().precision(p).threads(2)));
    }
  }

  @AfterAll
  final void close() {
    pools.values().forEach(TaskPool::close);
    engines.values().forEach(e -> e.pool().close());
  }

  /**
   * One test per operation, dtypes and precision.
   *
   * @return the tests
   */
  @TestFactory
  final Stream<DynamicTest> kernels() {
    Map<String, List<KernelCase>> groups = new LinkedHashMap<>();
    for (KernelCase c : KernelCases.all()) {
      groups.computeIfAbsent(c.group(), _ -> new ArrayList<>()).add(c);
    }
    return groups.entrySet().stream()
        .map(g -> dynamicTest(g.getKey(), () -> group(g.getKey(), g.getValue())));
  }

  /**
   * One test per operation and dtypes: wrong values are refused in every way of running.
   *
   * @return the tests
   */
  @TestFactory
  final Stream<DynamicTest> refusals() {
    Map<String, List<Refusal>> groups = new LinkedHashMap<>();
    for (Refusal r : RefusalCases.all()) {
      groups.computeIfAbsent(r.call().group(), _ -> new ArrayList<>()).add(r);
    }
    return groups.entrySet().stream()
        .map(
            g ->
                dynamicTest(
                    "refuses " + g.getKey(), () -> report(g.getKey(), g.getValue(), this::check)));
  }

  private @Nullable String check(Refusal r) {
    KernelSignature signature = r.call().signature();
    Kernel kernel = provider().find(signature);
    if (kernel == null || declines(signature)) {
      return null; // whether the two agree is what the kernels' tests say
    }
    for (int n : new int[] {1, threads()[0]}) {
      String complaint =
          r.complaint(
              "with " + n + " threads", () -> KernelRunner.refused(kernel, r.call(), pools.get(n)));
      if (complaint != null) {
        return complaint;
      }
    }
    Engine engine = engines.get(r.call().precision());
    String eager = r.complaint("eagerly", () -> KernelRunner.eager(engine, r.call()));
    return eager != null
        ? eager
        : r.complaint("in a plan", () -> KernelRunner.replayed(engine, r.call()));
  }

  private void group(String name, List<KernelCase> cases) {
    report(name, cases, this::check);
  }

  private static <C> void report(String name, List<C> cases, Function<C, @Nullable String> check) {
    List<String> wrong = new ArrayList<>();
    for (C c : cases) {
      String complaint = check.apply(c);
      if (complaint != null) {
        wrong.add(complaint);
      }
    }
    String shown = String.join("\n", wrong.subList(0, Math.min(SHOWN, wrong.size())));
    assertEquals(
        0, wrong.size(), () -> name + ": " + wrong.size() + " of " + cases.size() + "\n" + shown);
  }

  private @Nullable String check(KernelCase c) {
    KernelSignature signature = c.signature();
    Kernel kernel = provider().find(signature);
    boolean declined = declines(signature);
    if (kernel == null || declined) {
      return (kernel == null) == declined
          ? null
          : c + (declined ? ": has a kernel, but declares none" : ": has no kernel");
    }
    if (!covers(c)) {
      return null;
    }
    try {
      return compare(c, kernel);
    } catch (RuntimeException | AssertionError e) {
      StackTraceElement[] trace = e.getStackTrace();
      return c + ": " + e + (trace.length > 0 ? " at " + trace[0] : "");
    }
  }

  private @Nullable String compare(KernelCase c, Kernel kernel) {
    List<Operand> before = c.inputs().stream().map(Operand::duplicate).toList();
    KernelRunner.Results actual = KernelRunner.twice(kernel, c, pools.get(1));
    List<byte[]> bytes = actual.bytes();
    for (int n : threads()) {
      if (differ(bytes, KernelRunner.direct(kernel, c, pools.get(n)).bytes())) {
        return c + ": other bits with " + n + " threads";
      }
    }
    if (!c.residuals()) {
      Engine engine = engines.get(c.precision());
      if (differ(bytes, KernelRunner.eager(engine, c))) {
        return c + ": other bits through an engine";
      }
      if (differ(bytes, KernelRunner.replayed(engine, c))) {
        return c + ": other bits in a replayed plan";
      }
    }
    for (int i = 0; i < before.size(); i++) {
      if (before.get(i).view().segment().mismatch(c.inputs().get(i).view().segment()) >= 0) {
        return c + ": input " + i + " was written to";
      }
    }
    Expected expected = Expected.of(c);
    for (int i = 0; i < expected.results().size(); i++) {
      String complaint =
          Comparison.of(
              c,
              expected.results().get(i),
              actual.views().get(i),
              i == 0 ? expected.magnitude() : null);
      if (complaint != null) {
        return c + ": " + kernel.name() + " result " + i + " " + complaint;
      }
    }
    return null;
  }

  private static boolean differ(List<byte[]> a, List<byte[]> b) {
    for (int i = 0; i < a.size(); i++) {
      if (!Arrays.equals(a.get(i), b.get(i))) {
        return true;
      }
    }
    return a.size() != b.size();
  }
}
