package dev.quern.transformer.model;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.transformer.families.Encoder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An encoder as a model: tokens in, hidden states, pooled vectors and masked-word logits out. */
public final class EncoderModel extends LoadedModel {
  private static final double NORM_FLOOR = 1e-12;
  private final Encoder encoder;
  private final Signature signature;

  EncoderModel(Parts parts, ModelCard card, Encoder encoder, String pooling) {
    super(parts, card);
    this.encoder = encoder;
    Encoder.Dimensions d = encoder.dimensions();
    Axis batch = Axis.of("batch");
    Axis length = Axis.upTo("length", d.contextLength());
    Axis dim = Axis.fixed("dim", d.dim());
    List<Port> outputs = new ArrayList<>();
    outputs.add(Port.of("hidden", "F32", "The last hidden states.", batch, length, dim));
    outputs.add(Port.of("pooled", "F32", "One vector per sequence.", batch, dim));
    List<Parameter> parameters = new ArrayList<>();
    parameters.add(
        Parameter.choice(
            "pooling",
            pooling,
            List.of("mean", "cls"),
            "How hidden states become one vector: their mean, or the first one."));
    parameters.add(
        Parameter.flag("normalized", false, "Whether pooled vectors are scaled to length 1."));
    if (encoder.hasLogits()) {
      outputs.add(
          Port.of(
                  "logits",
                  "F32",
                  "Scores of each token at each position; given if asked for.",
                  batch,
                  length,
                  Axis.fixed("vocabulary", d.vocabulary()))
              .asOptional());
      parameters.add(Parameter.flag("logits", false, "Whether to give the logits."));
    }
    this.signature =
        new Signature(
            List.of(
                Port.indices("tokens", "Token ids.", batch, length),
                Port.indices("tokenTypes", "Segment of each token; 0 if left out.", batch, length)
                    .asOptional(),
                Port.of("lengths", "I32", "How many tokens of each sequence count.", batch)
                    .asOptional()),
            outputs,
            parameters);
  }

  @Override
  public Signature signature() {
    return signature;
  }

  /**
   * The network.
   *
   * @return the encoder; it ends with the model
   */
  public Encoder encoder() {
    return encoder;
  }

  @Override
  Map<String, Tensor> compute(Map<String, Tensor> inputs, ParameterValues parameters) {
    Tensor tokens = needed(inputs, "tokens");
    Tensor types = inputs.get("tokenTypes");
    Tensor lengths = inputs.get("lengths");
    Encoder.Dimensions d = encoder.dimensions();
    checkRange("tokens", tokens, 0, d.vocabulary() - 1L);
    if (types != null) {
      checkRange("tokenTypes", types, 0, d.tokenTypes() - 1L);
    }
    if (lengths != null) {
      checkRange("lengths", lengths, 1, tokens.shape().dim(1));
    }
    Tensor hidden = encoder.forward(tokens, types, lengths);
    boolean mean = parameters.text("pooling").equals("mean");
    Tensor pooled = mean ? mean(hidden, lengths) : hidden.select(1, 0);
    if (parameters.flag("normalized")) {
      Tensor norm = pooled.mul(pooled).sum(true, -1).sqrt();
      pooled = pooled.div(norm.clip(NORM_FLOOR, Double.POSITIVE_INFINITY));
    }
    Map<String, Tensor> outputs = new LinkedHashMap<>();
    outputs.put("hidden", hidden);
    outputs.put("pooled", pooled);
    if (encoder.hasLogits() && parameters.flag("logits")) {
      outputs.put("logits", encoder.logits(hidden));
    }
    return outputs;
  }

  /** The mean over the rows that count. */
  private static Tensor mean(Tensor hidden, @Nullable Tensor lengths) {
    if (lengths == null) {
      return hidden.mean(false, 1);
    }
    Tensor row = hidden.arange(ScalarType.I32, hidden.shape().dim(1)).unsqueeze(0); // [1, t]
    Tensor counts = row.less(lengths.unsqueeze(1)).unsqueeze(2); // [b, t, 1]
    Tensor sum = counts.where(hidden, hidden.scalarLike(0)).sum(false, 1); // [b, d]
    return sum.div(lengths.cast(ScalarType.F32).unsqueeze(1));
  }
}
