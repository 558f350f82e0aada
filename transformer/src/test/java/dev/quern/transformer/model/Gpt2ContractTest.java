package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.transformer.Golden;

class Gpt2ContractTest extends ModelContract {
  @Override
  Model open(Engine engine) {
    return Models.open(Golden.of("gpt2/hf"), ModelOptions.of(engine));
  }
}
