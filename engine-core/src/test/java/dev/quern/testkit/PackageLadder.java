package dev.quern.testkit;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The packages of one module as a ladder: each names the packages it may import, and no others.
 *
 * <p>Packages that do not exist yet are allowed, packages that nobody listed are not: a new package
 * takes its place on the ladder before it is used.
 *
 * <pre>{@code
 * PackageLadder.of("dev.quern.core").step("type").step("memory", "type").check();
 * }</pre>
 */
public final class PackageLadder {
  private final String root;
  private final Map<String, Set<String>> steps = new LinkedHashMap<>();

  private PackageLadder(String root) {
    this.root = root;
  }

  /**
   * Begins the ladder of a module.
   *
   * @param root the module's root package
   * @return a ladder without steps
   */
  public static PackageLadder of(String root) {
    return new PackageLadder(root);
  }

  /**
   * Adds a package on top of those it may import. What those may import, it may import too.
   *
   * @param name package below the root; its own subpackages count as part of it
   * @param below packages that stand on the ladder already
   * @return this ladder
   */
  public PackageLadder step(String name, String... below) {
    Set<String> reachable = new TreeSet<>();
    for (String lower : below) {
      Set<String> further = steps.get(lower);
      if (further == null) {
        throw new IllegalArgumentException(
            "[PackageLadder] %s comes before %s".formatted(name, lower));
      }
      reachable.add(lower);
      reachable.addAll(further);
    }
    steps.put(name, reachable);
    return this;
  }

  /** Fails with one line for each arrow that points up or sideways, and for each stray package. */
  public void check() {
    JavaClasses classes = mainClasses(root);
    List<String> wrong = new ArrayList<>();
    for (JavaClass origin : classes) {
      String from = stepOf(origin);
      Set<String> allowed = steps.get(from);
      if (allowed == null) {
        wrong.add(
            "%s: package %s is not on the ladder of %s".formatted(origin.getName(), from, root));
        continue;
      }
      for (Dependency dependency : origin.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        if (isBelow(root, target.getPackageName())) {
          String to = stepOf(target);
          if (!to.equals(from) && !allowed.contains(to)) {
            wrong.add("%s may not import %s: %s".formatted(from, to, dependency.getDescription()));
          }
        }
      }
    }
    if (!wrong.isEmpty()) {
      throw new AssertionError(
          "%d arrows of %s point the wrong way:%n%s"
              .formatted(wrong.size(), root, String.join(System.lineSeparator(), wrong)));
    }
    SlicesRuleDefinition.slices()
        .matching(root + ".(*)..")
        .should()
        .beFreeOfCycles()
        .allowEmptyShould(true)
        .check(classes);
  }

  /**
   * Fails if a main class of the module depends on a class in one of the packages.
   *
   * @param root the module's root package
   * @param because the reason, as the end of a sentence
   * @param forbidden package patterns as ArchUnit writes them, or full class names
   */
  public static void checkNever(String root, String because, String... forbidden) {
    JavaClasses classes = mainClasses(root);
    for (String pattern : forbidden) {
      var never = ArchRuleDefinition.noClasses().should().dependOnClassesThat();
      boolean isPackage = pattern.endsWith("..");
      (isPackage ? never.resideInAPackage(pattern) : never.haveFullyQualifiedName(pattern))
          .because(because)
          .check(classes);
    }
  }

  /**
   * Imports the main classes of a module, and nothing of its tests.
   *
   * @param root the module's root package
   * @return its classes, at least one
   */
  private static JavaClasses mainClasses(String root) {
    // Names are enough: the JDK and the libraries need not be imported too.
    ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);
    JavaClasses classes =
        new ClassFileImporter().withImportOption(PackageLadder::isMain).importPackages(root);
    if (classes.isEmpty()) {
      throw new AssertionError("no class found below " + root);
    }
    return classes;
  }

  private static boolean isMain(Location location) {
    return !location.contains("/test-classes/")
        && !location.contains("/testkit/")
        && !location.contains("-tests.jar");
  }

  private String stepOf(JavaClass type) {
    String name = type.getPackageName();
    if (name.equals(root)) {
      return "";
    }
    String rest = name.substring(root.length() + 1);
    int dot = rest.indexOf('.');
    return dot < 0 ? rest : rest.substring(0, dot);
  }

  private static boolean isBelow(String root, String name) {
    return name.equals(root) || name.startsWith(root + ".");
  }
}
