package dev.quern.core.spi;

import dev.quern.core.type.Layout;
import dev.quern.core.type.Shape;

/** What a kernel's choice may depend on of a layout. */
public enum LayoutClass {
  /** No gaps, last axis fastest. */
  CONTIGUOUS,
  /** Each run along the last axis has no gaps; other strides are arbitrary, 0 included. */
  ROWS,
  /** Runs along the last axis but one have no gaps: a transposed matrix. */
  COLUMNS,
  /** Anything else. */
  STRIDED;

  /**
   * The class of a layout.
   *
   * @param layout any
   * @return the first that holds, in order of declaration
   */
  public static LayoutClass of(Layout layout) {
    if (layout.isContiguous()) {
      return CONTIGUOUS;
    }
    if (layout.rowsContiguous()) {
      return ROWS;
    }
    Shape s = layout.shape();
    return s.rank() >= 2 && layout.stride(-2) == 1 ? COLUMNS : STRIDED;
  }
}
