package dev.quern.transformer.families;

import dev.quern.core.op.Tensor;
import dev.quern.core.type.FormatException;
import dev.quern.core.type.NotSupportedException;
import dev.quern.transformer.layers.Linear;
import dev.quern.transformer.layers.NamedTensors;
import dev.quern.transformer.layers.TrainingMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * BERT with a classifier of sequences (Devlin et al. 2019, section 4.1): logits = classifier(tanh(
 * pooler(x₀))), where x₀ is the last hidden state of the first token. Transformers' {@code
 * BertForSequenceClassification}; in GGUF {@code cls} is the pooler and {@code cls.output} the
 * classifier, and a file without {@code cls} has no pooler.
 */
public final class BertClassifier implements Classifier {
  private static final String CLASSIFIER = "classifier";
  private static final String GGUF_CLASSIFIER = "cls.output";

  private final Bert encoder;
  private final @Nullable Linear pooler;
  private final Linear output;
  private final List<String> labels;

  private BertClassifier(
      Bert encoder, @Nullable Linear pooler, Linear output, List<String> labels) {
    this.encoder = encoder;
    this.pooler = pooler;
    this.output = output;
    this.labels = List.copyOf(labels);
  }

  /**
   * Loads a BERT of either kind.
   *
   * @param w weights of a GGUF file or Hugging Face folder; they stay open while it is used
   * @return a {@link BertClassifier} if the checkpoint has a classifier, else a {@link Bert}
   * @throws FormatException if settings or tensors are missing, left over or wrong
   * @throws NotSupportedException if the settings ask for something there is not
   */
  static Family loadAny(Weights w) {
    boolean gguf = w.checkpoint().format() == Checkpoint.Format.GGUF;
    if (!w.contains((gguf ? GGUF_CLASSIFIER : CLASSIFIER) + ".weight")) {
      return Bert.load(w);
    }
    return gguf ? fromGguf(w) : fromFolder(w);
  }

  private static BertClassifier fromGguf(Weights w) {
    Settings s = w.checkpoint().settings();
    String architecture = w.checkpoint().architecture();
    int dim = Bert.Config.fromGguf(s, architecture).dim();
    String key = architecture + ".classifier.output_labels";
    List<String> labels =
        s.has(key) ? s.texts(key) : numbered(w.extent(GGUF_CLASSIFIER + ".weight", 0));
    Linear pooler = w.contains("cls.weight") ? w.linear("cls", dim, dim, true) : null;
    Linear output =
        w.linear(GGUF_CLASSIFIER, labels.size(), dim, w.contains(GGUF_CLASSIFIER + ".bias"));
    return new BertClassifier(Bert.load(w), pooler, output, labels);
  }

  private static BertClassifier fromFolder(Weights w) {
    Settings s = w.checkpoint().settings();
    int dim = Bert.Config.fromJson(s).dim();
    if (!w.contains("bert.pooler.dense.weight")) {
      throw new NotSupportedException(
          w.checkpoint().path()
              + ": a classifier without a pooler before it classifies tokens; only classifiers of"
              + " sequences are supported, such as a BertForSequenceClassification");
    }
    String problem = s.text("problem_type", "single_label_classification");
    List<String> labels = labels(s);
    if (!problem.equals("single_label_classification") || labels.size() < 2) {
      throw new NotSupportedException(
          s.source()
              + ": 'problem_type' is \""
              + problem
              + "\" with "
              + labels.size()
              + " labels; only classifiers that choose one of several labels are supported");
    }
    Linear pooler = w.linear("bert.pooler.dense", dim, dim, true);
    Linear output = w.linear(CLASSIFIER, labels.size(), dim, true);
    return new BertClassifier(Bert.load(w), pooler, output, labels);
  }

  /**
   * The labels that {@code config.json} names.
   *
   * @param s its settings
   * @return {@code id2label}; without it, as many numbered ones as {@code num_labels} says, or 2
   * @throws FormatException if the ids are not the numbers from 0 on
   */
  public static List<String> labels(Settings s) {
    List<String> labels = new ArrayList<>();
    if (!s.has("id2label")) {
      return numbered(s.positive("num_labels", 2));
    }
    Settings names = s.object("id2label");
    for (int i = 0; names.has(String.valueOf(i)); i++) {
      labels.add(names.text(String.valueOf(i), ""));
    }
    int count = s.size("id2label");
    if (labels.size() != count) {
      throw new FormatException(
          s.source()
              + ": 'id2label' has "
              + count
              + " labels; their ids must be the numbers 0 to "
              + (count - 1));
    }
    return labels;
  }

  private static List<String> numbered(int count) {
    return IntStream.range(0, count).mapToObj(i -> "LABEL_" + i).toList();
  }

  @Override
  public String family() {
    return "bert";
  }

  @Override
  public Encoder.Dimensions dimensions() {
    return encoder.dimensions();
  }

  @Override
  public List<String> labels() {
    return labels;
  }

  @Override
  public Tensor classify(
      Tensor tokens, @Nullable Tensor tokenTypes, @Nullable Tensor lengths, TrainingMode training) {
    Tensor first = encoder.forward(tokens, tokenTypes, lengths, training).select(1, 0); // [b, d]
    Tensor pooled = pooler == null ? first : pooler.forward(first).tanh();
    return output.forward(training.drop(pooled, 1));
  }

  @Override
  public Map<String, Tensor> parameters() {
    NamedTensors all = new NamedTensors();
    encoder.parameters().forEach(all::add);
    if (pooler != null) {
      all.add("pooler", pooler);
    }
    return all.add("classifier", output).toMap();
  }
}
