package dev.quern.transformer.model;

import dev.quern.core.engine.Engine;
import dev.quern.transformer.Golden;

/** A Llama that others trained, of the data outside. */
class StoriesContractTest extends ModelContract {
  @Override
  Model open(Engine engine) {
    return Models.open(
        Golden.outside("models/stories260K/stories260K-F32.gguf"), ModelOptions.of(engine));
  }
}
