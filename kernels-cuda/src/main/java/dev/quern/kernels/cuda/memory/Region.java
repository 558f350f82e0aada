package dev.quern.kernels.cuda.memory;

import org.jspecify.annotations.Nullable;

/** Memory that the driver gave in one piece, cut into pieces that lie side by side. */
final class Region {
  final long bytes;
  final boolean small;
  final Piece first;

  Region(long address, long bytes, boolean small) {
    this.bytes = bytes;
    this.small = small;
    this.first = new Piece(this, address, bytes);
  }

  /** Whether nobody holds any of it. */
  boolean isFree() {
    return first.next == null && !first.held;
  }

  /** A part of a region, held by somebody or free. */
  static final class Piece {
    final Region region;
    final long address;
    long bytes;
    boolean held;
    @Nullable Piece previous;
    @Nullable Piece next;

    private Piece(Region region, long address, long bytes) {
      this.region = region;
      this.address = address;
      this.bytes = bytes;
    }

    /** Cuts the end off. */
    Piece split(long keptBytes) {
      Piece rest = new Piece(region, address + keptBytes, bytes - keptBytes);
      rest.next = next;
      rest.previous = this;
      if (next != null) {
        next.previous = rest;
      }
      next = rest;
      bytes = keptBytes;
      return rest;
    }

    /** Takes in the piece after it. */
    void swallowNext() {
      Piece gone = next;
      if (gone != null) {
        bytes += gone.bytes;
        next = gone.next;
        if (next != null) {
          next.previous = this;
        }
      }
    }
  }
}
