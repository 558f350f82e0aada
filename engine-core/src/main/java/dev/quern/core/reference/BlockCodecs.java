package dev.quern.core.reference;

import dev.quern.core.type.BlockType;
import dev.quern.core.type.NotSupportedException;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The block formats that can be written and read. */
public final class BlockCodecs {
  private static final Map<BlockType, BlockCodec> CODECS = new EnumMap<>(BlockType.class);

  static {
    for (BlockCodec c :
        List.of(
            new CodecQ8_0(),
            new CodecQ4_0(),
            new CodecBlock32(BlockType.Q4_1, 4, true),
            new CodecBlock32(BlockType.Q5_0, 5, false),
            new CodecBlock32(BlockType.Q5_1, 5, true),
            new CodecQ2_K(),
            new CodecQ3_K(),
            new CodecOffsetK(BlockType.Q4_K),
            new CodecOffsetK(BlockType.Q5_K),
            new CodecQ6_K(),
            new CodecIQ4(BlockType.IQ4_NL),
            new CodecIQ4(BlockType.IQ4_XS))) {
      CODECS.put(c.type(), c);
    }
  }

  private BlockCodecs() {}

  /**
   * The codec of a format.
   *
   * @param type the format
   * @return its codec
   * @throws NotSupportedException if there is none yet; names those there are
   */
  public static BlockCodec of(BlockType type) {
    BlockCodec codec = CODECS.get(type);
    if (codec == null) {
      throw new NotSupportedException(
          "block type "
              + type.name()
              + " can't be converted or computed with yet; supported: "
              + CODECS.keySet());
    }
    return codec;
  }

  /**
   * The formats that have a codec.
   *
   * @return block types, in order of declaration
   */
  public static Collection<BlockType> supported() {
    return List.copyOf(CODECS.keySet());
  }

  /**
   * A scale as F16, and every NaN as one: which NaN an operation gives is not the same on every
   * machine, nor in interpreted and compiled code.
   */
  static short half(float x) {
    return Float.floatToFloat16(Float.isNaN(x) ? Float.NaN : x);
  }
}
