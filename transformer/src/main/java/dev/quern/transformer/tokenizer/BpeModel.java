package dev.quern.transformer.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Byte-pair encoding by a ranked list of merges (Sennrich et al. 2016), over bytes (Radford et al.
 * 2019) or over characters, the latter with an unknown token or with bytes as a fallback.
 */
final class BpeModel implements PieceModel {
  /**
   * What a model does besides merging.
   *
   * @param byteLevel symbols are the UTF-8 bytes, spelled by {@link ByteLevelAlphabet}; otherwise
   *     they are characters
   * @param ignoreMerges a piece that is a token as a whole is that token
   * @param byteFallback a character without a token becomes the tokens of its bytes, {@code <0xNN>}
   * @param unknown token for a character without one, or {@link Vocabulary#NONE} to leave it out
   * @param fuseUnknown adjacent unknown characters become one token
   * @param keepGaps a character that is left out still keeps its neighbours from merging
   * @param continuingPrefix spelling before every symbol but a piece's first
   * @param endSuffix spelling after a piece's last symbol
   */
  record Settings(
      boolean byteLevel,
      boolean ignoreMerges,
      boolean byteFallback,
      int unknown,
      boolean fuseUnknown,
      boolean keepGaps,
      String continuingPrefix,
      String endSuffix) {
    /** Byte-level, as GGUF files have it. */
    static Settings overBytes(boolean ignoreMerges) {
      return new Settings(true, ignoreMerges, false, Vocabulary.NONE, false, true, "", "");
    }
  }

  private final Vocabulary vocabulary;
  private final PairTable merges;
  private final Settings settings;
  private final int[] symbolOfByte;
  private final boolean wordByWord;
  private final WordCache cache = new WordCache();

  /**
   * A model.
   *
   * @param marksLead whether no merge crosses the place before a space mark, as {@link SpaceMarks}
   *     explains
   */
  BpeModel(Vocabulary vocabulary, PairTable merges, Settings settings, boolean marksLead) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.settings = settings;
    if (settings.byteLevel) {
      this.symbolOfByte = new int[256];
      for (int b = 0; b < 256; b++) {
        symbolOfByte[b] = vocabulary.id(String.valueOf(ByteLevelAlphabet.charOf(b)));
      }
    } else {
      this.symbolOfByte = settings.byteFallback ? vocabulary.byteTokens() : new int[0];
    }
    boolean mayFuse = settings.fuseUnknown && settings.unknown >= 0;
    boolean allBytes = settings.byteFallback && Arrays.stream(symbolOfByte).allMatch(id -> id >= 0);
    this.wordByWord =
        marksLead
            && !settings.byteLevel
            && !settings.ignoreMerges
            && settings.continuingPrefix.isEmpty()
            && settings.endSuffix.isEmpty()
            && (allBytes || !mayFuse);
  }

  @Override
  public Encoder encoder() {
    return new BpeEncoder();
  }

  private final class BpeEncoder extends BpeMerger implements Encoder {
    private final WordCache.Computation merged = this::merge;
    private char[] spelling = new char[64];
    private int unknownFrom = -1;

    @Override
    int pair(int left, int right) {
      return merges.find(id(left), id(right));
    }

    @Override
    int priority(int handle) {
      return merges.rank(handle);
    }

    @Override
    int result(int handle) {
      return merges.result(handle);
    }

    @Override
    public void encode(char[] chars, int from, int to, IntList out) {
      if (!wordByWord) {
        cache.encode(chars, from, to, out, merged);
        return;
      }
      int at = from;
      while (at < to) {
        int end = SpaceMarks.wordEnd(chars, at, to);
        cache.encode(chars, at, end, out, merged);
        at = end;
      }
    }

    private void merge(char[] chars, int from, int to, IntList out) {
      clear();
      if (settings.byteLevel) {
        int length = spellBytes(chars, from, to);
        if (settings.ignoreMerges) {
          int whole = vocabulary.find(spelling, 0, length);
          if (whole >= 0) {
            out.add(whole);
            return;
          }
        }
        for (int i = 0; i < length; i++) {
          addByte(i);
        }
      } else {
        if (settings.ignoreMerges) {
          int whole = vocabulary.find(chars, from, to);
          if (whole >= 0) {
            out.add(whole);
            return;
          }
        }
        unknownFrom = -1;
        int at = from;
        while (at < to) {
          int end = at + Character.charCount(Unicode.codePointAt(chars, at, to));
          addCharacter(chars, at, end, at == from, end == to);
          at = end;
        }
        if (unknownFrom >= 0) {
          add(settings.unknown, 0, 0);
        }
      }
      merge();
      int gap = vocabulary.size();
      for (int i = first(); i >= 0; i = next(i)) {
        if (id(i) != gap) {
          out.add(id(i));
        }
      }
    }

    private void addByte(int at) {
      int symbol = symbolOfByte[ByteLevelAlphabet.byteOf(spelling[at])];
      if (symbol < 0) {
        symbol = settings.unknown < 0 && settings.keepGaps ? vocabulary.size() : settings.unknown;
      }
      if (symbol >= 0) {
        add(symbol, at, at + 1);
      }
    }

    /** Spells UTF-8 bytes in the byte-level alphabet and returns how many there are. */
    private int spellBytes(char[] chars, int from, int to) {
      if (spelling.length < 3 * (to - from)) {
        spelling = new char[3 * (to - from)];
      }
      int n = 0;
      for (int i = from; i < to; i++) {
        int c = chars[i];
        if (c < 0x80) {
          spelling[n++] = ByteLevelAlphabet.charOf(c);
          continue;
        }
        if (c < 0x800) {
          spelling[n++] = ByteLevelAlphabet.charOf(0xC0 | c >> 6);
        } else {
          if (Character.isHighSurrogate((char) c) && i + 1 < to) {
            c = Character.toCodePoint((char) c, chars[++i]);
            spelling[n++] = ByteLevelAlphabet.charOf(0xF0 | c >> 18);
            spelling[n++] = ByteLevelAlphabet.charOf(0x80 | (c >> 12 & 0x3F));
          } else {
            spelling[n++] = ByteLevelAlphabet.charOf(0xE0 | c >> 12);
          }
          spelling[n++] = ByteLevelAlphabet.charOf(0x80 | (c >> 6 & 0x3F));
        }
        spelling[n++] = ByteLevelAlphabet.charOf(0x80 | (c & 0x3F));
      }
      return n;
    }

    private void addCharacter(char[] chars, int from, int to, boolean isFirst, boolean isLast) {
      String prefix = isFirst ? "" : settings.continuingPrefix;
      String suffix = isLast ? settings.endSuffix : "";
      int id;
      if (prefix.isEmpty() && suffix.isEmpty()) {
        id = vocabulary.find(chars, from, to);
      } else {
        id = vocabulary.id(prefix + new String(chars, from, to - from) + suffix);
      }
      if (id >= 0) {
        if (unknownFrom >= 0) {
          add(settings.unknown, unknownFrom, from);
          unknownFrom = -1;
        }
        add(id, from, to);
        return;
      }
      if (settings.byteFallback && addFallback(prefix, chars, from, to, suffix)) {
        return;
      }
      if (settings.unknown >= 0) {
        if (unknownFrom >= 0 && !settings.fuseUnknown) {
          add(settings.unknown, unknownFrom, from);
          unknownFrom = from;
        } else if (unknownFrom < 0) {
          unknownFrom = from;
        }
      }
    }

    /** Adds the byte tokens of a character, if all of them exist. */
    private boolean addFallback(String prefix, char[] chars, int from, int to, String suffix) {
      String text = prefix + new String(chars, from, to - from) + suffix;
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      for (byte b : bytes) {
        if (symbolOfByte[b & 0xFF] < 0) {
          return false;
        }
      }
      for (byte b : bytes) {
        add(symbolOfByte[b & 0xFF], from, to);
      }
      return true;
    }
  }
}
