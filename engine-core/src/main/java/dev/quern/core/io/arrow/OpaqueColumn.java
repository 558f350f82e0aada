package dev.quern.core.io.arrow;

import org.jspecify.annotations.Nullable;

/**
 * A column whose values are not read: rows of type null, which have none, and the types that {@link
 * ArrowType.Other} names.
 */
public final class OpaqueColumn extends ArrowColumn {
  OpaqueColumn(Context context, @Nullable ArrowBuffer validity) {
    super(context, validity);
  }
}
