package dev.quern.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * No source file is longer than 500 lines unless ARCHITECTURE.md lists it below the heading "Long
 * files" with a reason, as an item {@code - `folder/File.java`: reason}; and no file is listed
 * there without need.
 */
class SourceSizeTest {
  private static final int LIMIT = 500;
  private static final Set<String> SOURCES =
      Set.of("java", "c", "h", "cu", "cuh", "cpp", "hpp", "py", "sh", "cmake");
  private static final Set<String> SKIPPED_FOLDERS = Set.of("target", ".git", ".idea");
  private static final Pattern EXCEPTION = Pattern.compile("\\s*[-*]\\s*`([^`]+)`:\\s*\\S.*");

  @Test
  void longFilesHaveReasons() throws IOException {
    Path root = Path.of("..").toRealPath();
    assertTrue(Files.exists(root.resolve("pom.xml")), "the project's root is the module's parent");
    Map<String, Integer> longFiles = longFiles(root);
    List<String> complaints = new ArrayList<>();
    Set<String> excepted = exceptions(root.resolve("ARCHITECTURE.md"));
    longFiles.forEach(
        (file, lines) -> {
          if (!excepted.contains(file)) {
            complaints.add(
                "%s has %d lines: split it, or give the reason in ARCHITECTURE.md"
                    .formatted(file, lines));
          }
        });
    excepted.stream()
        .filter(file -> !longFiles.containsKey(file))
        .forEach(file -> complaints.add(file + " is listed in ARCHITECTURE.md, but is not long"));
    assertEquals(List.of(), complaints);
  }

  private static Map<String, Integer> longFiles(Path root) throws IOException {
    Map<String, Integer> found = new TreeMap<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            return SKIPPED_FOLDERS.contains(folder.getFileName().toString())
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            String name = file.getFileName().toString();
            if (SOURCES.contains(name.substring(name.lastIndexOf('.') + 1))) {
              int lines = Files.readAllLines(file).size();
              if (lines > LIMIT) {
                found.put(root.relativize(file).toString().replace('\\', '/'), lines);
              }
            }
            return FileVisitResult.CONTINUE;
          }
        });
    return found;
  }

  private static Set<String> exceptions(Path architecture) throws IOException {
    if (!Files.exists(architecture)) {
      return Set.of();
    }
    Set<String> files = new TreeSet<>();
    boolean inSection = false;
    for (String line : Files.readAllLines(architecture)) {
      if (line.startsWith("#")) {
        inSection = line.endsWith(" Long files");
      }
      Matcher item = EXCEPTION.matcher(line);
      if (inSection && item.matches()) {
        files.add(item.group(1));
      }
    }
    return files;
  }
}
