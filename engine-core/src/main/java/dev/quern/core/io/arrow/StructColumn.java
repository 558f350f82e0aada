package dev.quern.core.io.arrow;

import dev.quern.core.io.internal.Blame;
import dev.quern.core.type.FormatException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Several columns side by side. A row that is null here may have values in its children. */
public final class StructColumn extends ArrowColumn {
  private final List<ArrowColumn> children;

  StructColumn(Context context, @Nullable ArrowBuffer validity, List<ArrowColumn> children) {
    super(context, validity);
    this.children = List.copyOf(children);
  }

  /**
   * The columns in it.
   *
   * @return immutable, each as long as this
   */
  public List<ArrowColumn> children() {
    return children;
  }

  /**
   * A column in it.
   *
   * @param name of the first such child
   * @return the column
   * @throws FormatException if there is none
   */
  public ArrowColumn child(String name) {
    for (ArrowColumn c : children) {
      if (c.field().name().equals(name)) {
        return c;
      }
    }
    throw context()
        .blame()
        .whole("there is no " + Blame.quote(name) + " in the struct " + field().typeName());
  }
}
