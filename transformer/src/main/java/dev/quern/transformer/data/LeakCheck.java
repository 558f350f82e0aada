package dev.quern.transformer.data;

import dev.quern.transformer.data.LeakReport.Leak;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Looks for examples that stand in two parts of a split. Examples are the same if their keys are;
 * keys are compared by 128 bits of SHA-256, so memory does not grow with their length. All examples
 * are read once.
 */
public final class LeakCheck {
  private static final int MOST_SHOWN = 100;

  private final Map<Digest, Place> seen = new HashMap<>();
  private final List<Leak> leaks = new ArrayList<>();
  private final MessageDigest sha256;
  private long count;

  private record Digest(long high, long low) {}

  private record Place(String part, long index) {}

  private LeakCheck() {
    try {
      this.sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /**
   * Checks a split.
   *
   * @param split three parts
   * @param key what makes an example the same as another, such as its text in lower case
   * @param <E> an example
   * @return what was found; duplicates within one part are no leak
   */
  public static <E> LeakReport check(Split<Dataset<E>> split, Function<? super E, String> key) {
    LeakCheck check = new LeakCheck();
    check.part("train", split.train(), key);
    check.part("validation", split.validation(), key);
    check.part("test", split.test(), key);
    return new LeakReport(check.count, check.leaks);
  }

  private <E> void part(String name, Dataset<E> part, Function<? super E, String> key) {
    for (long i = 0; i < part.size(); i++) {
      Place place = new Place(name, i);
      Place first = seen.putIfAbsent(digest(key.apply(part.get(i))), place);
      if (first != null && !first.part.equals(name)) {
        count++;
        if (leaks.size() < MOST_SHOWN) {
          leaks.add(new Leak(first.part, first.index, name, i));
        }
      }
    }
  }

  private Digest digest(String key) {
    ByteBuffer bytes = ByteBuffer.wrap(sha256.digest(key.getBytes(StandardCharsets.UTF_8)));
    return new Digest(bytes.getLong(), bytes.getLong());
  }
}
