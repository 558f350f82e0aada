/** Layers, model families, tokenizers, decoding, the model interface and the command line. */
module dev.quern.transformer {
  requires transitive dev.quern.core;
  requires static transitive org.jspecify;
  requires com.fasterxml.jackson.databind;
  requires info.picocli;
  requires jdk.jfr;
  requires jdk.management;
  requires org.snakeyaml.engine;

  exports dev.quern.transformer.cli;
  exports dev.quern.transformer.compress;
  exports dev.quern.transformer.data;
  exports dev.quern.transformer.decode;
  exports dev.quern.transformer.evaluate;
  exports dev.quern.transformer.export;
  exports dev.quern.transformer.families;
  exports dev.quern.transformer.layers;
  exports dev.quern.transformer.model;
  exports dev.quern.transformer.tokenizer;
  exports dev.quern.transformer.train.config;
  exports dev.quern.transformer.train.log;
  exports dev.quern.transformer.train.loss;
  exports dev.quern.transformer.train.optimizer;
  exports dev.quern.transformer.train.run;
  exports dev.quern.transformer.train.schedule;
  exports dev.quern.transformer.train;

  opens dev.quern.transformer.cli to
      info.picocli;
}
