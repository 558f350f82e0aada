package dev.quern.kernels.cuda.driver;

import java.util.List;

/**
 * The arguments of {@code cuTensorMapEncodeTiled}: where a tensor is and in which boxes it is
 * copied to shared memory. Axis 0 is the fastest.
 *
 * @param elementType the value of CUtensorMapDataType: 0 U8, 6 F16, 7 F32, 9 BF16
 * @param address device address of the first element, a multiple of 16
 * @param extents elements on each axis, 1 to 5 of them
 * @param stridesBytes from axis 1 on, multiples of 16
 * @param box elements copied at once on each axis, at most 256
 * @param swizzle the value of CUtensorMapSwizzle: 0 none, 1 32 bytes, 2 64 bytes, 3 128 bytes
 */
public record TensorMap(
    int elementType,
    long address,
    List<Long> extents,
    List<Long> stridesBytes,
    List<Integer> box,
    int swizzle) {
  /** The size of a {@code CUtensorMap}. */
  public static final int BYTES = 128;

  /** The alignment of a {@code CUtensorMap} since CUDA 13; before it was 64. */
  public static final int ALIGNMENT = 128;

  private static final int MOST_AXES = 5;

  /**
   * Copies the lists.
   *
   * @throws IllegalArgumentException if their lengths don't belong together
   */
  public TensorMap {
    extents = List.copyOf(extents);
    stridesBytes = List.copyOf(stridesBytes);
    box = List.copyOf(box);
    if (extents.isEmpty()
        || extents.size() > MOST_AXES
        || stridesBytes.size() != extents.size() - 1
        || box.size() != extents.size()) {
      throw new IllegalArgumentException(
          "[tensorMap] extents %s, strides %s, box %s: an axis has an extent and a box, from the"
                  .formatted(extents, stridesBytes, box)
              + " second on also a stride; there are 1 to 5");
    }
  }
}
