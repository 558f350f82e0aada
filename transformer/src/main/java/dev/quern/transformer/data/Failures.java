package dev.quern.transformer.data;

/** Errors of one thread on their way to another. */
final class Failures {
  private Failures() {}

  /** Throws what was thrown, if it may be thrown without being declared. */
  static RuntimeException rethrow(Throwable failure) {
    switch (failure) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new DataException("[loader] " + failure.getMessage(), failure);
    }
  }

  static DataException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new DataException("[loader] interrupted while waiting for a batch", e);
  }

  static DataException closed() {
    return new DataException("[loader] it was used after it was closed; open another one");
  }
}
