package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.transformer.Golden;

class LlamaContractTest extends ModelContract {
  @Override
  Model open(Engine engine) {
    return Models.open(Golden.of("llama/llama-Q8_0.gguf"), ModelOptions.of(engine));
  }
}
