package dev.quern.transformer.tokenizer;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tokens of a model: text, type and role of every id, and the way back from a text to its id.
 * Immutable and safe to share.
 */
public final class Vocabulary {
  /** What {@link #id} returns for a text that is no token. */
  public static final int NONE = -1;

  private final @Nullable String[] texts;
  private final byte[] types;
  private final Index index;
  private final Map<SpecialRole, Integer> roles;
  private final Set<Integer> endOfGeneration;

  private Vocabulary(
      @Nullable String[] texts,
      byte[] types,
      Index index,
      Map<SpecialRole, Integer> roles,
      Set<Integer> endOfGeneration) {
    this.texts = texts;
    this.types = types;
    this.index = index;
    this.roles = roles;
    this.endOfGeneration = endOfGeneration;
  }

  /**
   * Indexes tokens.
   *
   * @param source file, for messages
   * @param key the place of the tokens in it, for messages
   * @param texts text of each id; null where an id is not used
   * @param types code of the {@link TokenType} of each id
   */
  static Vocabulary of(String source, String key, @Nullable String[] texts, byte[] types) {
    Index index = new Index(texts);
    for (int id = 0; id < texts.length; id++) {
      String text = texts[id];
      if (text == null) {
        continue;
      }
      int other = index.add(id);
      if (other != NONE) {
        throw Malformed.at(
            source,
            key,
            "token " + Malformed.quote(text) + " stands at " + other + " and again at " + id);
      }
    }
    return new Vocabulary(texts, types, index, Map.of(), Set.of());
  }

  /** The same tokens with roles and with the ids that end a generation. */
  Vocabulary with(Map<SpecialRole, Integer> newRoles, Set<Integer> newEndOfGeneration) {
    return new Vocabulary(
        texts, types, index, Map.copyOf(newRoles), Set.copyOf(newEndOfGeneration));
  }

  /**
   * Number of ids, used or not.
   *
   * @return the extent of a model's logits
   */
  public int size() {
    return texts.length;
  }

  /**
   * Text of a token as the vocabulary spells it, which is not the text that it decodes to.
   *
   * @param id an id of the vocabulary
   * @return the spelling; empty for an id that the vocabulary leaves unused
   * @throws IndexOutOfBoundsException for an id outside the vocabulary
   */
  public String text(int id) {
    check(id);
    String text = texts[id];
    return text == null ? "" : text;
  }

  /**
   * Type of a token.
   *
   * @param id an id of the vocabulary
   * @return its type; unused for an id that the vocabulary leaves unused
   * @throws IndexOutOfBoundsException for an id outside the vocabulary
   */
  public TokenType type(int id) {
    check(id);
    return TokenType.ofCode(types[id]);
  }

  /**
   * Whether a token steers the model and has no text of its own.
   *
   * @param id an id of the vocabulary
   * @return true for a control token
   */
  public boolean isControl(int id) {
    return type(id) == TokenType.CONTROL;
  }

  /**
   * Id of the token that is spelled so.
   *
   * @param text its spelling in the vocabulary
   * @return the id, or {@link #NONE}
   */
  public int id(String text) {
    Objects.requireNonNull(text, "text");
    char[] chars = text.toCharArray();
    return find(chars, 0, chars.length);
  }

  /**
   * Id of the token with a role.
   *
   * @param role what the token is for
   * @return the id, or {@link #NONE}
   */
  public int id(SpecialRole role) {
    return roles.getOrDefault(role, NONE);
  }

  /**
   * All roles that are filled.
   *
   * @return role to token
   */
  public Map<SpecialRole, Integer> roles() {
    return roles;
  }

  /**
   * Whether a generation ends when this token is chosen.
   *
   * @param id an id of the vocabulary
   * @return true if it does
   */
  public boolean isEndOfGeneration(int id) {
    return endOfGeneration.contains(id);
  }

  /**
   * The ids after which a generation ends.
   *
   * @return ascending ids
   */
  public List<Integer> endOfGeneration() {
    return endOfGeneration.stream().sorted().toList();
  }

  /** Text of an id, or null if it isn't used. */
  @Nullable String spelling(int id) {
    return texts[id];
  }

  /** Length of the longest token, in UTF-16 units. */
  int maxTokenChars() {
    return index.longest;
  }

  /** Id of the token that spells {@code chars[from, to)}, or {@link #NONE}. */
  int find(char[] chars, int from, int to) {
    if (to - from > index.longest) {
      return NONE;
    }
    return index.find(CharHash.of(chars, from, to), chars, from, to);
  }

  /** As {@link #find(char[], int, int)}, with the hash of the range already known. */
  int find(int hash, char[] chars, int from, int to) {
    return index.find(hash, chars, from, to);
  }

  /** Whether an id, which may be out of range, is spelled {@code chars[from, to)}. */
  boolean isSpelled(int id, char[] chars, int from, int to) {
    return id >= 0 && id < texts.length && from < to && index.is(id, chars, from, to);
  }

  /**
   * Ids of the tokens spelled {@code <0x00>} to {@code <0xFF>}; {@link #NONE} where there is none.
   */
  int[] byteTokens() {
    int[] ids = new int[256];
    for (int b = 0; b < 256; b++) {
      ids[b] = id(String.format("<0x%02X>", b));
    }
    return ids;
  }

  private void check(int id) {
    if (id < 0 || id >= texts.length) {
      throw new IndexOutOfBoundsException(
          "[tokenizer] id " + id + " is outside the vocabulary; need 0 <= id < " + texts.length);
    }
  }

  /** Collects the types while a vocabulary is read. */
  static byte[] allOfType(int size, TokenType type) {
    byte[] types = new byte[size];
    Arrays.fill(types, type.code());
    return types;
  }

  /** An empty, modifiable table of roles. */
  static Map<SpecialRole, Integer> noRoles() {
    return new HashMap<>();
  }

  /**
   * From spellings to ids: open addressing, with the hash beside the id and all spellings in one
   * array, so that a look-up touches three places in memory.
   */
  private static final class Index {
    final int longest;
    private final char[] pool;
    private final int[] offsets;
    private final long[] slots;
    private final int mask;

    Index(@Nullable String[] texts) {
      int capacity = Integer.highestOneBit(Math.max(texts.length, 8) * 2 - 1) * 2;
      this.slots = new long[capacity];
      this.mask = capacity - 1;
      this.offsets = new int[texts.length + 1];
      int most = 0;
      for (int id = 0; id < texts.length; id++) {
        String text = texts[id];
        int length = text == null ? 0 : text.length();
        most = Math.max(most, length);
        offsets[id + 1] = Math.addExact(offsets[id], length);
      }
      this.longest = most;
      this.pool = new char[offsets[texts.length]];
      for (int id = 0; id < texts.length; id++) {
        String text = texts[id];
        if (text != null) {
          text.getChars(0, text.length(), pool, offsets[id]);
        }
      }
    }

    /** Adds a token, unless one of the same spelling is there, whose id is returned then. */
    int add(int id) {
      int from = offsets[id];
      int to = offsets[id + 1];
      int hash = CharHash.of(pool, from, to);
      int found = find(hash, pool, from, to);
      if (found != NONE) {
        return found;
      }
      int slot = CharHash.spread(hash) & mask;
      while (slots[slot] != 0) {
        slot = (slot + 1) & mask;
      }
      slots[slot] = (long) hash << 32 | (id + 1);
      return NONE;
    }

    boolean is(int id, char[] chars, int from, int to) {
      return Arrays.equals(pool, offsets[id], offsets[id + 1], chars, from, to);
    }

    int find(int hash, char[] chars, int from, int to) {
      int slot = CharHash.spread(hash) & mask;
      while (true) {
        long entry = slots[slot];
        int id = (int) entry - 1;
        if (id < 0) {
          return NONE;
        }
        if ((int) (entry >> 32) == hash && is(id, chars, from, to)) {
          return id;
        }
        slot = (slot + 1) & mask;
      }
    }
  }
}
