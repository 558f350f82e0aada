package dev.quern.core.spi;

import dev.quern.core.op.CreateOp;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.type.NotSupportedException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which kernel wins, and why.
 *
 * <p>Providers are asked in order of priority with the call as it is; the first kernel is taken. If
 * only the last resort (the lowest priority) takes the layouts as they are and inputs have gaps,
 * the better ones are asked again for the call with its inputs copied together.
 *
 * <p>Override: {@code -Dquern.kernels=vector,reference} allows only those providers; {@code
 * -Dquern.kernels.softmax=reference} does so for one operation.
 */
public final class KernelRegistry {
  /**
   * A decision.
   *
   * @param provider whose kernel it is
   * @param kernel the kernel
   * @param pack whether inputs with gaps are copied first
   */
  public record Choice(String provider, Kernel kernel, boolean pack) {}

  private final List<KernelProvider> usable = new ArrayList<>();
  private final Map<String, Probe> probes = new LinkedHashMap<>();
  private final Map<KernelSignature, Optional<Choice>> choices = new ConcurrentHashMap<>();

  /**
   * A registry of given providers.
   *
   * @param providers in any order
   */
  public KernelRegistry(List<KernelProvider> providers) {
    List<KernelProvider> sorted = new ArrayList<>(providers);
    sorted.sort(Comparator.comparingInt(KernelProvider::priority).reversed());
    for (KernelProvider p : sorted) {
      Probe probe = p.probe();
      probes.put(p.name(), probe);
      if (probe.isUsable()) {
        usable.add(p);
      }
    }
  }

  /**
   * The providers that ServiceLoader finds for a kind of device, and some more.
   *
   * @param device {@code cpu} or {@code cuda}
   * @param more providers that are always there, such as the reference kernels
   * @return the registry
   */
  public static KernelRegistry load(String device, KernelProvider... more) {
    List<KernelProvider> all = new ArrayList<>(Arrays.asList(more));
    all.addAll(providers(device));
    return new KernelRegistry(all);
  }

  /**
   * The providers that ServiceLoader finds for a kind of device.
   *
   * @param device {@code cpu} or {@code cuda}
   * @return new ones at each call, usable or not
   */
  public static List<KernelProvider> providers(String device) {
    List<KernelProvider> found = new ArrayList<>();
    for (KernelProvider p : ServiceLoader.load(KernelProvider.class)) {
      if (p.device().equals(device)) {
        found.add(p);
      }
    }
    return found;
  }

  /**
   * What each provider answered, best first.
   *
   * @return name to probe
   */
  public Map<String, Probe> probes() {
    return Map.copyOf(probes);
  }

  /**
   * The provider names, best first.
   *
   * @return usable and refused ones
   */
  public List<String> names() {
    return List.copyOf(probes.keySet());
  }

  /**
   * The providers that may be used, best first: usable, and not excluded by {@code
   * -Dquern.kernels}.
   *
   * @return their names
   */
  public List<String> usableNames() {
    return allowed("").stream().map(KernelProvider::name).toList();
  }

  /**
   * The kernel for a call.
   *
   * @param signature the call
   * @return the decision, or empty if no provider has one
   */
  public Optional<Choice> find(KernelSignature signature) {
    if (hasValues(signature.op())) {
      return decide(signature);
    }
    Optional<Choice> known = choices.get(signature);
    if (known == null) {
      known = decide(signature);
      choices.put(signature, known);
    }
    return known;
  }

  /** Whether the record holds numbers of a call, so that a cache keyed by it would grow forever. */
  private static boolean hasValues(Op op) {
    return op instanceof CreateOp || op instanceof UnaryOp.Clip || op instanceof CustomOp;
  }

  private Optional<Choice> decide(KernelSignature signature) {
    List<KernelProvider> allowed = allowed(signature.op().name());
    Optional<Choice> direct = ask(allowed, signature, false);
    if (signature.allContiguous() || allowed.size() < 2) {
      return direct;
    }
    String lastResort = allowed.getLast().name();
    if (direct.isPresent() && !direct.get().provider().equals(lastResort)) {
      return direct;
    }
    Optional<Choice> packed = ask(allowed.subList(0, allowed.size() - 1), signature.packed(), true);
    return packed.isPresent() ? packed : direct;
  }

  private static Optional<Choice> ask(
      List<KernelProvider> providers, KernelSignature signature, boolean pack) {
    for (KernelProvider p : providers) {
      Kernel k = p.find(signature);
      if (k != null) {
        return Optional.of(new Choice(p.name(), k, pack));
      }
    }
    return Optional.empty();
  }

  private List<KernelProvider> allowed(String op) {
    String names = System.getProperty("quern.kernels." + op, System.getProperty("quern.kernels"));
    if (names == null || names.isBlank()) {
      return usable;
    }
    List<String> wanted = Arrays.asList(names.trim().split("\\s*,\\s*", -1));
    for (String w : wanted) {
      if (!probes.containsKey(w)) {
        throw new NotSupportedException(
            "kernel override names '"
                + w
                + "', which is not here; there are: "
                + String.join(", ", probes.keySet()));
      }
      if (probes.get(w) instanceof Probe.Refused(String reason, String remedy)) {
        throw new NotSupportedException(
            "kernel override names '" + w + "', which can't be used: " + reason + "; " + remedy);
      }
    }
    return usable.stream().filter(p -> wanted.contains(p.name())).toList();
  }

  /**
   * What would run for a call, and what each provider says to it.
   *
   * @param signature the call
   * @return a few lines
   */
  public String explain(KernelSignature signature) {
    StringBuilder s = new StringBuilder(signature.toString()).append(" -> ");
    s.append(
        find(signature)
            .map(c -> c.provider() + ": " + c.kernel().name() + (c.pack() ? " (copied)" : ""))
            .orElse("no kernel; decomposed if fused"));
    probes.forEach(
        (name, probe) -> {
          switch (probe) {
            case Probe.Usable(String detail) ->
                s.append("\n  ").append(name).append(": usable, ").append(detail);
            case Probe.Refused(String reason, String remedy) ->
                s.append("\n  ")
                    .append(name)
                    .append(": refused, ")
                    .append(reason)
                    .append("; ")
                    .append(remedy);
          }
        });
    return s.toString();
  }
}
