package dev.quern.core.type;

/**
 * Where a tensor's memory lives.
 *
 * @param kind {@code cpu} or {@code cuda}
 * @param index which one of that kind, from 0
 */
public record Device(String kind, int index) {
  /** The host processor. */
  public static final Device CPU = new Device("cpu", 0);

  /**
   * A CUDA device.
   *
   * @param index the driver's ordinal
   * @return the device
   */
  public static Device cuda(int index) {
    return new Device("cuda", index);
  }

  /**
   * The device as users write it.
   *
   * @return {@code cpu} or {@code cuda:0}
   */
  @Override
  public String toString() {
    return kind.equals("cpu") ? "cpu" : kind + ":" + index;
  }
}
