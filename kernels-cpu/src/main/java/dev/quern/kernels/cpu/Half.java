package dev.quern.kernels.cpu;

/**
 * F16 to F32 by table, for the scales of blocks. The instruction wants its operand in a vector and
 * leaves its result there, and with the broadcast that follows it keeps the one port busy that
 * widens the weights; a load and a broadcasting load keep none.
 */
final class Half {
  /** The value of each F16, by its bits. */
  static final float[] FLOATS = table();

  private Half() {}

  private static float[] table() {
    float[] t = new float[1 << Short.SIZE];
    for (int i = 0; i < t.length; i++) {
      t[i] = Float.float16ToFloat((short) i);
    }
    return t;
  }
}
