package dev.quern.kernels.cuda.memory;

import dev.quern.kernels.cuda.memory.Region.Piece;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Free pieces by size, those of one size by address. */
final class FreePieces {
  private final TreeMap<Long, TreeMap<Long, Piece>> bySize = new TreeMap<>();

  /** Adds a piece. */
  void add(Piece piece) {
    bySize.computeIfAbsent(piece.bytes, _ -> new TreeMap<>()).put(piece.address, piece);
  }

  /** Removes a piece, before its size changes. */
  void remove(Piece piece) {
    TreeMap<Long, Piece> same = bySize.get(piece.bytes);
    if (same != null && same.remove(piece.address) != null && same.isEmpty()) {
      bySize.remove(piece.bytes);
    }
  }

  /** Removes the smallest that is large enough, the lowest of those; null if there is none. */
  @Nullable Piece pollBest(long bytes) {
    Map.Entry<Long, TreeMap<Long, Piece>> fit = bySize.ceilingEntry(bytes);
    if (fit == null) {
      return null;
    }
    Piece best = fit.getValue().firstEntry().getValue();
    remove(best);
    return best;
  }
}
