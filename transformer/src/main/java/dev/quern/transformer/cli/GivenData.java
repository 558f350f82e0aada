package dev.quern.transformer.cli;

import dev.quern.core.memory.TensorScope;
import dev.quern.core.op.Tensor;
import dev.quern.transformer.data.Batch;
import dev.quern.transformer.data.IntMatrix;
import dev.quern.transformer.data.JsonLines;
import dev.quern.transformer.data.JsonRow;
import dev.quern.transformer.data.Utf8;
import dev.quern.transformer.decode.Session;
import dev.quern.transformer.model.CausalLanguageModel;
import dev.quern.transformer.model.ClassifierModel;
import dev.quern.transformer.tokenizer.DecodeOptions;
import dev.quern.transformer.tokenizer.EncodeOptions;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.train.ClassificationEvaluation;
import dev.quern.transformer.train.Evaluation;
import dev.quern.transformer.train.LanguageModelEvaluation;
import dev.quern.transformer.train.TrainableModel;
import dev.quern.transformer.train.loss.CrossEntropy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Judges opened models on data that is given, with the metrics that training has. */
final class GivenData {
  private static final int BATCH = 16;

  private GivenData() {}

  /**
   * Judges a classifier.
   *
   * @param file JSON Lines
   * @param text the field with the text
   * @param label the field with one of the model's labels
   */
  static Evaluation.Tally classes(ClassifierModel model, Path file, String text, String label) {
    Evaluation evaluation = new ClassificationEvaluation(model.classifier().labels());
    Evaluation.Tally tally = evaluation.begin();
    try (JsonLines rows = JsonLines.open(file)) {
      if (rows.size() == 0) {
        throw new InputException(file + " has no rows to judge the model on");
      }
      for (long at = 0; at < rows.size(); at += BATCH) {
        List<int[]> batch = new ArrayList<>();
        List<Integer> answers = new ArrayList<>();
        for (long i = at; i < Math.min(at + BATCH, rows.size()); i++) {
          batch.add(tokens(model, rows.get(i), text));
          answers.add(answer(model, rows.get(i), label));
        }
        judge(model, evaluation, tally, batch, answers);
      }
    }
    return tally;
  }

  private static int answer(ClassifierModel model, JsonRow row, String field) {
    List<String> labels = model.classifier().labels();
    int index = labels.indexOf(row.text(field));
    if (index < 0) {
      throw new InputException(
          row + ": the label '" + row.text(field) + "' is none of the model's, " + labels);
    }
    return index;
  }

  private static int[] tokens(ClassifierModel model, JsonRow row, String field) {
    int[] tokens = model.tokenizer().encode(row.text(field), EncodeOptions.ADD_SPECIAL);
    if (tokens.length == 0) {
      throw new InputException(row + ": '" + field + "' has no tokens; leave the row out");
    }
    int most = model.classifier().dimensions().contextLength();
    InputException.checkFits(row + " has", tokens.length, most);
    return tokens;
  }

  private static void judge(
      ClassifierModel model,
      Evaluation evaluation,
      Evaluation.Tally tally,
      List<int[]> batch,
      List<Integer> answers) {
    int rows = batch.size();
    int[] lengths = batch.stream().mapToInt(own -> own.length).toArray();
    int longest = Arrays.stream(lengths).max().orElse(1);
    int[] tokens = new int[rows * longest]; // what fills rows up is not looked at
    for (int r = 0; r < rows; r++) {
      System.arraycopy(batch.get(r), 0, tokens, r * longest, lengths[r]);
    }
    int[] labels = answers.stream().mapToInt(Integer::intValue).toArray();
    try (TensorScope _ = TensorScope.open("evaluate")) {
      Map<String, Tensor> inputs =
          Map.of(
              "tokens", model.engine().tensor(tokens, rows, longest),
              "lengths", model.engine().tensor(lengths));
      Tensor logits =
          Objects.requireNonNull(model.infer(inputs, Map.of("probabilities", false)).get("logits"));
      Map<String, Tensor> outputs = Map.of(TrainableModel.LOGITS, logits);
      double loss = new CrossEntropy().of(logits, model.engine().tensor(labels)).item();
      tally.add(labels(labels), loss, evaluation.compute(outputs, Map.of()));
    }
  }

  private static Batch labels(int[] labels) {
    return new Batch(Map.of(Batch.LABELS, new IntMatrix(labels, labels.length, 1)));
  }

  /**
   * Judges a model of language: each token from those before it in windows that don't overlap, each
   * of which begins with the token that begins a text, if the model has one.
   *
   * @param file a UTF-8 text
   * @param window how many tokens are fed at once, at least 1
   */
  static Evaluation.Tally text(CausalLanguageModel model, Path file, int window)
      throws IOException {
    Tokenizer tokenizer = model.tokenizer();
    int[] ids = tokenizer.encode(Utf8.read(file), EncodeOptions.ADD_SPECIAL);
    int[] added = tokenizer.encode("", EncodeOptions.ADD_SPECIAL);
    boolean begins = added.length > 0 && ids.length > 0 && ids[0] == added[0];
    if (ids.length < 2) {
      throw new InputException(
          file + ": the text has " + ids.length + " tokens; at least 2 are needed to score one");
    }
    Evaluation.Tally tally =
        new LanguageModelEvaluation(
                id -> tokenizer.decodeBytes(new int[] {id}, DecodeOptions.TEXT).length)
            .begin();
    try (Session session = model.openSession(1, Math.min(window, ids.length))) {
      for (int at = 0; at + 1 < ids.length; at += window) {
        int[] part = Arrays.copyOfRange(ids, at, Math.min(at + window + 1, ids.length));
        part[0] = begins ? ids[0] : part[0];
        int[] labels = Arrays.copyOfRange(part, 1, part.length);
        double loss = Perplexity.nats(session, part) / labels.length;
        tally.add(labels(labels), loss, Map.of());
      }
    }
    return tally;
  }
}
