package consumer;

import dev.quern.core.type.Shape;

/** Uses Quern as an installed library. */
public final class Main {
  private Main() {}

  /**
   * Fails with an exception unless everything works.
   *
   * @param arguments how the program was started: class-path or module-path
   */
  public static void main(String[] arguments) {
    boolean named = arguments[0].equals("module-path");
    check(Shape.class.getModule().isNamed() == named, "started from the " + arguments[0]);
    System.out.println("consumer: " + arguments[0] + " ok");
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError("not true: " + what);
    }
  }
}
