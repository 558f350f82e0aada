package dev.quern.transformer.tokenizer;

import java.util.Arrays;

/**
 * Byte-pair merging of one piece of text (Sennrich et al. 2016, "Neural Machine Translation of Rare
 * Words with Subword Units"): again and again, the best adjacent pair becomes one symbol; among
 * equals, the leftmost.
 *
 * <p>Symbols form a linked list. Short pieces look for the best pair by going through the list;
 * longer ones keep a heap of candidates, so that a piece of n symbols costs O(n log n).
 */
abstract class BpeMerger {
  /** Measured on English words: up to about this many symbols the plain search is faster. */
  private static final int HEAP_THRESHOLD = 40;

  private static final int NO_PAIR = -1;

  private int[] ids = new int[64];
  private int[] starts = new int[64];
  private int[] ends = new int[64];
  private int[] next = new int[64];
  private int[] previous = new int[64];
  private int[] handles = new int[64];
  private int[] priorities = new int[64];
  private int count;

  private long[] heap = new long[0];
  private int heapSize;

  /**
   * A handle of the pair of the symbols at two places of the list, negative if they don't merge.
   */
  abstract int pair(int left, int right);

  /** Priority of a pair; the smallest goes first. */
  abstract int priority(int handle);

  /** The symbol that a pair becomes. */
  abstract int result(int handle);

  final void clear() {
    count = 0;
  }

  /** Appends a symbol that covers {@code [start, end)} of the text. */
  final void add(int id, int start, int end) {
    if (count == ids.length) {
      int capacity = count * 2;
      ids = Arrays.copyOf(ids, capacity);
      starts = Arrays.copyOf(starts, capacity);
      ends = Arrays.copyOf(ends, capacity);
      next = Arrays.copyOf(next, capacity);
      previous = Arrays.copyOf(previous, capacity);
      handles = Arrays.copyOf(handles, capacity);
      priorities = Arrays.copyOf(priorities, capacity);
    }
    ids[count] = id;
    starts[count] = start;
    ends[count] = end;
    count++;
  }

  final int id(int place) {
    return ids[place];
  }

  final int start(int place) {
    return starts[place];
  }

  final int end(int place) {
    return ends[place];
  }

  /** The first place of the list, or -1. */
  final int first() {
    return count == 0 ? -1 : 0;
  }

  /** The place after another one, or -1; valid after {@link #merge}. */
  final int next(int place) {
    return next[place];
  }

  /** Merges until no pair is left that may merge. */
  final void merge() {
    for (int i = 0; i < count; i++) {
      previous[i] = i - 1;
      next[i] = i + 1 < count ? i + 1 : -1;
    }
    for (int i = 0; i < count; i++) {
      look(i);
    }
    if (count <= HEAP_THRESHOLD) {
      mergeBySearch();
    } else {
      mergeByHeap();
    }
  }

  private void mergeBySearch() {
    while (true) {
      int best = -1;
      for (int i = first(); i >= 0; i = next[i]) {
        if (handles[i] >= 0 && (best < 0 || priorities[i] < priorities[best])) {
          best = i;
        }
      }
      if (best < 0) {
        return;
      }
      join(best);
    }
  }

  private void mergeByHeap() {
    heapSize = 0;
    if (heap.length < count) {
      heap = new long[count];
    }
    for (int i = 0; i < count; i++) {
      if (handles[i] >= 0) {
        heap[heapSize++] = key(i);
      }
    }
    for (int i = heapSize / 2 - 1; i >= 0; i--) {
      siftDown(i);
    }
    while (heapSize > 0) {
      long key = heap[0];
      heap[0] = heap[--heapSize];
      siftDown(0);
      int place = (int) key;
      // An entry is stale when its place was swallowed or now begins another pair; a pair of the
      // same priority at the same place has an entry of its own, so either may stand for the other.
      if (handles[place] >= 0 && priorities[place] == (int) (key >> 32)) {
        join(place);
        push(place);
        if (previous[place] >= 0) {
          push(previous[place]);
        }
      }
    }
  }

  private void join(int left) {
    int right = next[left];
    ids[left] = result(handles[left]);
    ends[left] = ends[right];
    next[left] = next[right];
    if (next[right] >= 0) {
      previous[next[right]] = left;
    }
    handles[right] = NO_PAIR;
    look(left);
    if (previous[left] >= 0) {
      look(previous[left]);
    }
  }

  private void look(int place) {
    int after = next[place];
    int handle = after < 0 ? NO_PAIR : pair(place, after);
    handles[place] = handle;
    if (handle >= 0) {
      priorities[place] = priority(handle);
    }
  }

  private long key(int place) {
    return (long) priorities[place] << 32 | place;
  }

  private void push(int place) {
    if (handles[place] < 0) {
      return;
    }
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, heapSize * 2);
    }
    long key = key(place);
    int i = heapSize++;
    while (i > 0) {
      int parent = (i - 1) / 2;
      if (heap[parent] <= key) {
        break;
      }
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = key;
  }

  private void siftDown(int from) {
    if (from >= heapSize) {
      return;
    }
    long key = heap[from];
    int i = from;
    while (true) {
      int child = 2 * i + 1;
      if (child >= heapSize) {
        break;
      }
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= key) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = key;
  }
}
