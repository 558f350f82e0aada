import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Writes sentences whose sentiment is known, as JSON Lines of {"text", "label"}: about a thing,
 * someone says one or two opinions, each of which may be negated or strengthened. Negation turns an
 * opinion; of two opinions joined by "but" the last one counts, joined by "and" they agree.
 *
 * <pre>
 * java transformer/configs/SentimentSentences.java 12000 7 > sentences.jsonl
 * </pre>
 */
public final class SentimentSentences {
  private static final List<String> THINGS =
      List.of(
          "the film",
          "this book",
          "the meal",
          "our hotel",
          "the concert",
          "that phone",
          "the service",
          "my new bike",
          "the museum",
          "the train ride",
          "this software",
          "the garden",
          "her speech",
          "the coffee",
          "the game",
          "this song",
          "the hotel room",
          "their answer",
          "the weather",
          "the lecture");
  private static final List<String> GOOD =
      List.of(
          "good",
          "great",
          "wonderful",
          "lovely",
          "excellent",
          "delightful",
          "pleasant",
          "brilliant",
          "amazing",
          "charming",
          "superb",
          "enjoyable");
  private static final List<String> BAD =
      List.of(
          "bad",
          "terrible",
          "awful",
          "boring",
          "dreadful",
          "disappointing",
          "poor",
          "horrible",
          "annoying",
          "dull",
          "unpleasant",
          "useless");
  private static final List<String> STRONG =
      List.of("", "", "very ", "really ", "quite ", "truly ");
  private static final List<String> BEGIN =
      List.of("", "", "i think ", "honestly, ", "to be fair, ", "my friends say ", "we all felt ");
  private static final List<String> END =
      List.of(".", ".", "!", ", as i expected.", ", and i would say so again.", " this time.");

  private final Random random;

  private SentimentSentences(long seed) {
    random = new Random(seed);
  }

  public static void main(String[] args) {
    int count = Integer.parseInt(args[0]);
    SentimentSentences s = new SentimentSentences(Long.parseLong(args[1]));
    Set<String> lines = new LinkedHashSet<>();
    while (lines.size() < count) {
      lines.add(s.line());
    }
    lines.forEach(System.out::println);
  }

  private String pick(List<String> from) {
    return from.get(random.nextInt(from.size()));
  }

  private String line() {
    boolean positive = random.nextBoolean();
    String text = pick(BEGIN) + pick(THINGS) + " was " + opinion(positive);
    if (random.nextInt(3) == 0) {
      text =
          random.nextBoolean()
              ? pick(BEGIN)
                  + pick(THINGS)
                  + " was "
                  + opinion(!positive)
                  + ", but it was "
                  + opinion(positive)
              : text + " and " + opinion(positive);
    }
    return "{\"text\": \""
        + text
        + pick(END)
        + "\", \"label\": \""
        + (positive ? "positive" : "negative")
        + "\"}";
  }

  private String opinion(boolean positive) {
    boolean negated = random.nextInt(3) == 0;
    String word = pick(positive != negated ? GOOD : BAD);
    return negated ? (random.nextBoolean() ? "not " : "never ") + word : pick(STRONG) + word;
  }
}
