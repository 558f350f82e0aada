package dev.quern.transformer;

import dev.quern.core.io.gguf.GgufFile;
import dev.quern.core.io.gguf.GgufValue;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Map;

/**
 * A Llama in F32 with heads filled up with zeros: the same function of the tokens, in heads that
 * are whole blocks.
 *
 * <p>The rotary embedding leaves the zeros alone, because it still covers what was there. Scores
 * are divided by √(new headDim), so queries are multiplied by √(new / old).
 */
public final class WideHeads {
  private WideHeads() {}

  /**
   * Writes the model.
   *
   * @param from a GGUF Llama, all F32
   * @param to the file to write
   * @param wide the new extent of a head
   * @return {@code to}
   */
  public static Path write(Path from, Path to, int wide) {
    try (GgufFile file = GgufFile.open(from)) {
      int dim = number(file, "llama.embedding_length");
      int heads = number(file, "llama.attention.head_count");
      int kvHeads = number(file, "llama.attention.head_count_kv");
      int old = dim / heads;
      Map<String, Integer> sizes =
          Map.of("llama.attention.key_length", wide, "llama.attention.value_length", wide);
      GgufWriter writer = new GgufWriter();
      file.metadata()
          .asMap()
          .forEach(
              (key, value) -> {
                if (!sizes.containsKey(key)) {
                  writer.put(key, value);
                }
              });
      sizes.forEach((key, size) -> writer.put(key, GgufValue.uint32(size)));
      for (String name : file.names()) {
        Shape shape = file.spec(name).shape();
        float[] values = file.storage(name).segment().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        long[] dims = shape.dims();
        if (name.endsWith("attn_q.weight")) {
          values = rows(values, heads, old, wide, dim, (float) Math.sqrt((double) wide / old));
          dims[0] = (long) heads * wide;
        } else if (name.endsWith("attn_k.weight") || name.endsWith("attn_v.weight")) {
          values = rows(values, kvHeads, old, wide, dim, 1);
          dims[0] = (long) kvHeads * wide;
        } else if (name.endsWith("attn_output.weight")) {
          values = rows(values, dim * heads, old, wide, 1, 1);
          dims[1] = (long) heads * wide;
        }
        writer.tensor(name, TensorSpec.of(ScalarType.F32, dims), MemorySegment.ofArray(values));
      }
      writer.write(to);
    }
    return to;
  }

  private static int number(GgufFile file, String key) {
    return Math.toIntExact(file.metadata().integer(key));
  }

  /** x (groups, old, width) times a factor as (groups, wide, width), zeros behind. */
  private static float[] rows(float[] x, int groups, int old, int wide, int width, float factor) {
    float[] y = new float[groups * wide * width];
    for (int g = 0; g < groups; g++) {
      for (int i = 0; i < old * width; i++) {
        y[g * wide * width + i] = factor * x[g * old * width + i];
      }
    }
    return y;
  }
}
