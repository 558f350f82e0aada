package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.transformer.Golden;

class ClassifierContractTest extends ModelContract {
  @Override
  Model open(Engine engine) {
    return Models.open(Golden.of("classifier/hf"), ModelOptions.of(engine));
  }
}
