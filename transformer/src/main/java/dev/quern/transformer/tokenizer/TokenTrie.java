package dev.quern.transformer.tokenizer;

import java.util.Arrays;
import java.util.List;

/** Tokens that are looked for in running text, as a trie over UTF-16 units. */
final class TokenTrie {
  /** What {@link #longest} returns where no token begins. */
  static final int NONE = -1;

  private final PairTable edges;
  private final int[] tokenAtNode;
  private final int[] lengths;
  private long firstLow;
  private long firstHigh;
  private boolean firstBeyondAscii;

  /** A trie of spellings; the index of a spelling in the list is what searches return. */
  TokenTrie(List<String> spellings) {
    int chars = spellings.stream().mapToInt(String::length).sum();
    this.edges = new PairTable(chars);
    this.lengths = spellings.stream().mapToInt(String::length).toArray();
    int[] ends = new int[chars + 1];
    int nodes = 1;
    for (int index = 0; index < spellings.size(); index++) {
      String spelling = spellings.get(index);
      if (spelling.isEmpty()) {
        continue;
      }
      int node = 0;
      for (int i = 0; i < spelling.length(); i++) {
        int edge = edges.find(node, spelling.charAt(i));
        if (edge == PairTable.NONE) {
          edges.add(node, spelling.charAt(i), nodes, 0);
          node = nodes++;
        } else {
          node = edges.rank(edge);
        }
      }
      ends[node] = index + 1;
      char first = spelling.charAt(0);
      if (first < 64) {
        firstLow |= 1L << first;
      } else if (first < 128) {
        firstHigh |= 1L << first;
      } else {
        firstBeyondAscii = true;
      }
    }
    this.tokenAtNode = Arrays.copyOf(ends, nodes);
  }

  /** Length of a spelling, by its index. */
  int length(int index) {
    return lengths[index];
  }

  /** The next place at which a token may begin, or {@code to}. */
  int skip(char[] chars, int from, int to) {
    int at = from;
    while (at < to) {
      char c = chars[at];
      if (c < 128 ? ((c < 64 ? firstLow : firstHigh) >>> c & 1) != 0 : firstBeyondAscii) {
        return at;
      }
      at++;
    }
    return to;
  }

  /** Index of the longest spelling that begins at a place, or {@link #NONE}. */
  int longest(char[] chars, int at, int to) {
    int node = 0;
    int best = NONE;
    for (int i = at; i < to; i++) {
      int edge = edges.find(node, chars[i]);
      if (edge == PairTable.NONE) {
        break;
      }
      node = edges.rank(edge);
      if (tokenAtNode[node] != 0) {
        best = tokenAtNode[node] - 1;
      }
    }
    return best;
  }

  /** Notes every spelling that begins at a place, and tells whether there is one. */
  boolean all(char[] chars, int at, int to, boolean[] present) {
    boolean any = false;
    int node = 0;
    for (int i = at; i < to; i++) {
      int edge = edges.find(node, chars[i]);
      if (edge == PairTable.NONE) {
        break;
      }
      node = edges.rank(edge);
      if (tokenAtNode[node] != 0) {
        present[tokenAtNode[node] - 1] = true;
        any = true;
      }
    }
    return any;
  }
}
