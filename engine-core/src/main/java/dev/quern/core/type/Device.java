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
   * A device by what users write.
   *
   * @param name {@code cpu}, {@code cuda:1}; without a number the first one of its kind
   * @return the device, which need not be there
   * @throws DeviceException if it is no device's name
   */
  public static Device of(String name) {
    int colon = name.indexOf(':');
    String kind = colon < 0 ? name : name.substring(0, colon);
    String number = colon < 0 ? "0" : name.substring(colon + 1);
    if (!kind.matches("[a-z]+") || !number.matches("\\d{1,4}")) {
      throw new DeviceException(
          "'" + name + "' is not the name of a device; write cpu, cuda, cuda:0, cuda:1...");
    }
    return new Device(kind, Integer.parseInt(number));
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
