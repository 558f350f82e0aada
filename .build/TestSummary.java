import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/*
 * Prints what the tests of all modules did: how many ran, failed and were skipped, and why they were skipped. It reads
 * Surefire's reports, ctest's, and the counts that tests leave through dev.quern.testkit.SkippedCases for data that one
 * test walks in a loop.
 */

static final List<String> REPORTS = List.of("target/surefire-reports", "target/ctest-reports");

static final class Module {
  int run;
  int failed;
  int skipped;
  double seconds;
}

record Skip(String module, String reason) implements Comparable<Skip> {
  @Override
  public int compareTo(Skip other) {
    int byModule = module.compareTo(other.module);
    return byModule != 0 ? byModule : reason.compareTo(other.reason);
  }
}

void main(String[] arguments) throws Exception {
  Path root = Path.of(arguments[0]);
  var modules = new TreeMap<String, Module>();
  var skips = new TreeMap<Skip, Long>();
  for (Path folder : list(root, "")) {
    String name = folder.getFileName().toString();
    for (String reports : REPORTS) {
      for (Path report : list(folder.resolve(reports), ".xml")) {
        readReport(name, report, modules.computeIfAbsent(name, _ -> new Module()), skips);
      }
    }
    for (Path counts : list(folder.resolve("target/skipped-cases"), ".tsv")) {
      for (String line : Files.readAllLines(counts)) {
        String[] fields = line.split("\t", 2);
        skips.merge(new Skip(name, fields[1]), Long.parseLong(fields[0]), Long::sum);
      }
    }
  }
  print(modules, skips);
}

void readReport(String name, Path report, Module module, Map<Skip, Long> skips) throws Exception {
  var factory = DocumentBuilderFactory.newInstance();
  factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
  Element document = factory.newDocumentBuilder().parse(report.toFile()).getDocumentElement();
  NodeList cases = document.getElementsByTagName("testcase");
  for (int i = 0; i < cases.getLength(); i++) {
    Element testCase = (Element) cases.item(i);
    module.run++;
    String time = testCase.getAttribute("time");
    module.seconds += time.isEmpty() ? 0 : Double.parseDouble(time.replace(",", ""));
    if (testCase.getElementsByTagName("failure").getLength() > 0
        || testCase.getElementsByTagName("error").getLength() > 0) {
      module.failed++;
    }
    NodeList skipped = testCase.getElementsByTagName("skipped");
    if (skipped.getLength() > 0) {
      module.skipped++;
      String reason = reason((Element) skipped.item(0));
      skips.merge(new Skip(name, reason.isBlank() ? "no reason given" : reason), 1L, Long::sum);
    }
  }
}

/**
 * The message, as far as cases share it: an attribute for disabled tests, the first line of a stack
 * trace for assumptions.
 */
String reason(Element skipped) {
  String message = skipped.getAttribute("message");
  if (message.isBlank()) {
    message = skipped.getTextContent().lines().findFirst().orElse("");
  }
  return message
      .replaceFirst("^[\\w.]+Exception: ", "")
      .replaceFirst("^Assumption failed: ", "")
      .replaceFirst("^skipped: ", "")
      .replaceFirst("(, no [^/ ]+/).*", "$1...")
      .strip();
}

void print(Map<String, Module> modules, Map<Skip, Long> skips) {
  var lines = new ArrayList<String>();
  var total = new Module();
  for (var entry : modules.entrySet()) {
    Module m = entry.getValue();
    lines.add(line(entry.getKey(), m));
    total.run += m.run;
    total.failed += m.failed;
    total.skipped += m.skipped;
    total.seconds += m.seconds;
  }
  lines.add(line("total", total));
  if (skips.isEmpty()) {
    lines.add("no case was skipped");
  } else {
    long cases = skips.values().stream().mapToLong(Long::longValue).sum();
    lines.add(cases + " cases skipped:");
    skips.forEach((s, n) -> lines.add("  %6d  %s: %s".formatted(n, s.module(), s.reason())));
  }
  for (String line : lines) {
    System.out.println("[tests] " + line);
  }
}

String line(String name, Module m) {
  return "%-14s %6d tests, %d failed, %d skipped, %.0f s"
      .formatted(name, m.run, m.failed, m.skipped, m.seconds);
}

List<Path> list(Path folder, String suffix) throws IOException {
  if (!Files.isDirectory(folder)) {
    return List.of();
  }
  try (var paths = Files.list(folder)) {
    return paths.filter(p -> p.getFileName().toString().endsWith(suffix)).sorted().toList();
  }
}
