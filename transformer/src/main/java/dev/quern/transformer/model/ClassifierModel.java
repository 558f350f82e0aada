package dev.quern.transformer.model;

import dev.quern.core.op.Tensor;
import dev.quern.transformer.families.Classifier;
import dev.quern.transformer.families.Encoder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A classifier of sequences as a model: tokens in, one score per label out. */
public final class ClassifierModel extends LoadedModel {
  private final Classifier classifier;
  private final Signature signature;

  ClassifierModel(Parts parts, ModelCard card, Classifier classifier) {
    super(parts, card);
    this.classifier = classifier;
    Axis batch = Axis.of("batch");
    Axis length = Axis.upTo("length", classifier.dimensions().contextLength());
    Axis labels = Axis.fixed("labels", classifier.labels().size());
    this.signature =
        new Signature(
            List.of(
                Port.indices("tokens", "Token ids.", batch, length),
                Port.indices("tokenTypes", "Segment of each token; 0 if left out.", batch, length)
                    .asOptional(),
                Port.of("lengths", "I32", "How many tokens of each sequence count.", batch)
                    .asOptional()),
            List.of(
                Port.of("logits", "F32", "The score of each label.", batch, labels),
                Port.of(
                        "probabilities",
                        "F32",
                        "The softmax of the logits; given if asked for.",
                        batch,
                        labels)
                    .asOptional()),
            List.of(Parameter.flag("probabilities", true, "Whether to give the probabilities.")));
  }

  @Override
  public Signature signature() {
    return signature;
  }

  /**
   * The network.
   *
   * @return the classifier; it ends with the model
   */
  public Classifier classifier() {
    return classifier;
  }

  @Override
  Map<String, Tensor> compute(Map<String, Tensor> inputs, ParameterValues parameters) {
    Tensor tokens = needed(inputs, "tokens");
    Tensor types = inputs.get("tokenTypes");
    Tensor lengths = inputs.get("lengths");
    Encoder.Dimensions d = classifier.dimensions();
    checkRange("tokens", tokens, 0, d.vocabulary() - 1L);
    if (types != null) {
      checkRange("tokenTypes", types, 0, d.tokenTypes() - 1L);
    }
    if (lengths != null) {
      checkRange("lengths", lengths, 1, tokens.shape().dim(1));
    }
    Map<String, Tensor> outputs = new LinkedHashMap<>();
    Tensor logits = classifier.classify(tokens, types, lengths);
    outputs.put("logits", logits);
    if (parameters.flag("probabilities")) {
      outputs.put("probabilities", logits.softmax(-1));
    }
    return outputs;
  }
}
