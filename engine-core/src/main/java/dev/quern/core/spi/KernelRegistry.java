package dev.quern.core.spi;

import dev.quern.core.memory.PageMover;
import dev.quern.core.op.CreateOp;
import dev.quern.core.op.CustomOp;
import dev.quern.core.op.Op;
import dev.quern.core.op.UnaryOp;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.Setting;
import dev.quern.core.type.SettingException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which kernel wins, and why.
 *
 * <p>Providers are asked in order of priority with the call as it is; the first kernel is taken. If
 * only the last resort (the lowest priority) takes the layouts as they are and inputs have gaps,
 * the better ones are asked again for the call with its inputs copied together.
 *
 * <p>Override: {@code -Dquern.kernels=vector,reference} allows only those providers; {@code
 * -Dquern.kernels.softmax=reference} does so for one operation of the vocabulary.
 */
public final class KernelRegistry {
  /** The system property that chooses providers, and the beginning of those for one operation. */
  public static final String OVERRIDE = "quern.kernels";

  /**
   * A decision.
   *
   * @param provider whose kernel it is
   * @param kernel the kernel
   * @param pack whether inputs with gaps are copied first
   */
  public record Choice(String provider, Kernel kernel, boolean pack) {}

  private final boolean overridable;
  private final List<KernelProvider> usable = new ArrayList<>();
  private final Map<String, Probe> probes = new LinkedHashMap<>();
  private final Map<KernelSignature, Optional<Choice>> choices = new ConcurrentHashMap<>();

  /**
   * A registry of given providers.
   *
   * @param providers in any order
   * @throws SettingException if an override names a provider or an operation that there isn't
   */
  public KernelRegistry(List<KernelProvider> providers) {
    this(providers, true);
  }

  private KernelRegistry(List<KernelProvider> providers, boolean overridable) {
    this.overridable = overridable;
    List<KernelProvider> sorted = new ArrayList<>(providers);
    sorted.sort(Comparator.comparingInt(KernelProvider::priority).reversed());
    for (KernelProvider p : sorted) {
      Probe probe = p.probe();
      probes.put(p.name(), probe);
      if (probe.isUsable()) {
        usable.add(p);
      }
    }
    overrides().forEach((property, _) -> wanted(property));
  }

  /**
   * The registry of a device that has one provider only. The overrides, which choose among the
   * CPU's providers, don't concern it.
   *
   * @param provider the device's
   * @return the registry
   */
  public static KernelRegistry of(KernelProvider provider) {
    return new KernelRegistry(List.of(provider), false);
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
    return Collections.unmodifiableMap(probes);
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
   * The overrides that are set: {@code quern.kernels} and {@code quern.kernels.<operation>}.
   *
   * @return property to value, by name
   * @throws SettingException if one names an operation that there isn't
   */
  public static Map<String, String> overrides() {
    Map<String, String> set = new TreeMap<>();
    for (String property : System.getProperties().stringPropertyNames()) {
      String names = Setting.text(property);
      if (names == null || !(property.equals(OVERRIDE) || property.startsWith(OVERRIDE + "."))) {
        continue;
      }
      if (!property.equals(OVERRIDE)) {
        Set<String> operations = Op.vocabulary();
        if (!operations.contains(property.substring(OVERRIDE.length() + 1))) {
          throw new SettingException(
              "-D"
                  + property
                  + "="
                  + names
                  + " names no operation; there are: "
                  + String.join(", ", operations));
        }
      }
      set.put(property, names);
    }
    return set;
  }

  /**
   * Whether {@code -Dquern.kernels} leaves a provider out.
   *
   * @param provider its name
   * @return false without the override
   */
  public boolean isExcluded(String provider) {
    List<String> wanted = wanted(OVERRIDE);
    return wanted != null && !wanted.contains(provider);
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
    if (signature.allContiguous()) {
      return direct;
    }
    if (allowed.size() < 2) {
      return direct.isPresent() ? direct : ask(allowed, signature.packed(), true);
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
    String property = overrideOf(op);
    List<String> wanted = wanted(property);
    if (wanted == null) {
      return usable;
    }
    for (String w : wanted) {
      if (probes.get(w) instanceof Probe.Refused(String reason, String remedy)) {
        throw new NotSupportedException(
            "-D" + property + " names '" + w + "', which can't be used: " + reason + "; " + remedy);
      }
    }
    return usable.stream().filter(p -> wanted.contains(p.name())).toList();
  }

  /** The override that decides for an operation. */
  private static String overrideOf(String op) {
    String own = OVERRIDE + "." + op;
    return Setting.text(own) == null ? OVERRIDE : own;
  }

  /** The providers that an override names, or null if it is not set. */
  private @Nullable List<String> wanted(String property) {
    String names = overridable ? Setting.text(property) : null;
    if (names == null) {
      return null;
    }
    List<String> wanted = Arrays.asList(names.split("\\s*,\\s*", -1));
    if (!probes.keySet().containsAll(wanted)) {
      throw new SettingException(
          Setting.refusal(
              property, names, "names separated by commas, of: " + String.join(", ", names())));
    }
    return wanted;
  }

  /**
   * What puts mapped memory into larger pages.
   *
   * @return the best provider's that no override leaves out, or empty if none has it
   */
  public Optional<PageMover> pageMover() {
    return included().flatMap(p -> Stream.ofNullable(p.pageMover())).findFirst();
  }

  /**
   * Asks for larger pages for memory of this process, of the first provider that can and that no
   * override leaves out.
   *
   * @param memory not of a file
   * @return false if nothing came of it, which costs speed alone
   */
  public boolean largePages(MemorySegment memory) {
    return included().anyMatch(p -> p.largePages(memory));
  }

  /**
   * The loop that measures a limit of this machine.
   *
   * @param ceiling which limit
   * @return the best provider's that has one, or empty
   */
  public Optional<CeilingLoop> ceiling(Ceiling ceiling) {
    return included().flatMap(p -> Stream.ofNullable(p.ceiling(ceiling))).findFirst();
  }

  private Stream<KernelProvider> included() {
    return usable.stream().filter(p -> !isExcluded(p.name()));
  }

  /**
   * Why there is no kernel for a call, and what to do about it.
   *
   * @param signature a call for which {@link #find} answers with nothing
   * @return a phrase
   */
  public String absence(KernelSignature signature) {
    String op = signature.op().name();
    List<KernelProvider> allowed = allowed(op);
    List<String> left = new ArrayList<>();
    for (KernelProvider p : usable) {
      if (!allowed.contains(p) && p.find(signature) != null) {
        left.add(p.name());
      }
    }
    if (left.isEmpty()) {
      return "cast the inputs to F32, or register a KernelProvider that has one";
    }
    return "-D"
        + overrideOf(op)
        + " leaves out "
        + String.join(", ", left)
        + (left.size() == 1 ? "; add it" : "; add one of them");
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
