package dev.quern.transformer.device;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.quern.core.engine.Engine;
import dev.quern.core.type.DType;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.Engines;
import dev.quern.transformer.Golden;
import dev.quern.transformer.decode.Generation;
import dev.quern.transformer.decode.GenerationOptions;
import dev.quern.transformer.decode.SamplingOptions;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.ModelOptions;
import dev.quern.transformer.model.Models;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Generations that choose their tokens on a CUDA device, against the same on the processor. */
abstract class DecodingOnDevice {
  private static final int[] PROMPT = {1, 40, 41, 42};

  /** An engine on the device. */
  abstract Engine engine(Engine.Builder builder);

  @Test
  void aDeviceChoosesTheSameTokens() {
    SamplingOptions o = SamplingOptions.of(1.2, 3).withCuts(20, 0.95, 0.01);
    SamplingOptions penalised = o.withPenalties(1.2, 6, 0.3, 0.2).withBias(Map.of(9, -2.0));
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(Precision.EXACT))) {
      for (SamplingOptions sampling :
          new SamplingOptions[] {SamplingOptions.GREEDY, o, penalised}) {
        assertEquals(
            generated(host, sampling, ScalarType.F32), generated(device, sampling, ScalarType.F32));
      }
    }
  }

  @Test
  void cachesMayHold8BitFloats() {
    try (Engine host = Engines.of("reference", Precision.EXACT);
        Engine device = engine(Engine.builder().precision(Precision.EXACT))) {
      assertEquals(
          generated(host, SamplingOptions.GREEDY, ScalarType.F8_E4M3),
          generated(device, SamplingOptions.GREEDY, ScalarType.F8_E4M3));
    }
  }

  /** The tokens of a generation, and how long the sequence was after each. */
  private static String generated(Engine engine, SamplingOptions sampling, DType cache) {
    GenerationOptions options = GenerationOptions.of(20, sampling);
    ModelOptions opening = ModelOptions.of(engine).withCache(cache);
    try (var model = Models.openCausal(Golden.of("llama/hf"), opening);
        Session session = model.openSession(1, 64)) {
      StringBuilder lengths = new StringBuilder();
      Generation g = new Generation(session, model.tokenizer(), PROMPT, options);
      g.run(_ -> lengths.append(' ').append(session.cache().length(0)));
      return Arrays.toString(g.tokens()) + lengths + " " + g.finishReason();
    }
  }
}
