package dev.quern.transformer.train.run;

import dev.quern.transformer.data.ArrowRows;
import dev.quern.transformer.data.Dataset;
import dev.quern.transformer.data.JsonLines;
import dev.quern.transformer.data.Row;
import dev.quern.transformer.data.SplitRatio;
import dev.quern.transformer.data.TextLines;
import dev.quern.transformer.data.TokenFile;
import dev.quern.transformer.data.TokenSequence;
import dev.quern.transformer.data.Utf8;
import dev.quern.transformer.tokenizer.Tokenizer;
import dev.quern.transformer.train.TrainingException;
import dev.quern.transformer.train.config.Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The files of a run's data, open while it trains. */
final class RunFiles implements AutoCloseable {
  private final Config config;
  private final String format;
  private final List<TextLines> lines = new ArrayList<>();
  private final List<JsonLines> json = new ArrayList<>();
  private @Nullable ArrowRows arrow;
  private @Nullable TokenFile tokens;

  RunFiles(Config config) {
    this.config = config;
    this.format = config.text("data.format");
    try {
      List<Path> files = config.texts("data.files").stream().map(Path::of).toList();
      if (files.isEmpty()) {
        throw new TrainingException("[data.files] is empty; name at least one file");
      }
      switch (format) {
        case "lines" -> files.forEach(f -> lines.add(TextLines.open(f)));
        case "json_lines" -> files.forEach(f -> json.add(JsonLines.open(f)));
        case "arrow" -> arrow = ArrowRows.open(files);
        case "tokens" -> {
          if (files.size() > 1) {
            throw new TrainingException("[data.files] a run reads one token file; join them first");
          }
          tokens = TokenFile.open(files.getFirst());
        }
        default -> {} // read when they are needed
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** The tokenizer that the configuration asks for. */
  Tokenizer tokenizer(Path folder) {
    String kind = config.text("tokenizer.kind");
    boolean encoder = config.text("model.family").equals("bert");
    int size = config.int32("tokenizer.size");
    return switch (kind) {
      case "characters" -> RunTokenizer.characters(folder, String.join("", texts().toList()));
      case "file" -> {
        if (!config.has("tokenizer.file")) {
          throw new TrainingException(
              "[tokenizer.file] is missing; tokenizer.kind is file, so name a tokenizer.json");
        }
        yield RunTokenizer.copied(folder, Path.of(config.text("tokenizer.file")));
      }
      case "model" ->
          throw new TrainingException(
              "[tokenizer.kind] is model, but there is no model.from; choose bpe or characters");
      default -> RunTokenizer.bpe(folder, texts(), size, encoder);
    };
  }

  /** All texts there are to learn a vocabulary from. */
  private Stream<String> texts() {
    return switch (format) {
      case "lines" -> lines.stream().flatMap(RunFiles::all);
      case "json_lines", "arrow" -> all(rows()).flatMap(row -> fields().map(row::text));
      case "tokens" ->
          throw new TrainingException(
              "[tokenizer.kind] a vocabulary can't be learnt from a token file; give"
                  + " tokenizer.file");
      default -> config.texts("data.files").stream().map(f -> read(Path.of(f)));
    };
  }

  private Stream<String> fields() {
    String text = config.text("data.text");
    return config.text("objective.name").equals("answers")
        ? Stream.of(text, config.text("data.answer"))
        : Stream.of(text);
  }

  private static <E> Stream<E> all(Dataset<E> data) {
    return LongStream.range(0, data.size()).mapToObj(data::get);
  }

  private static String read(Path file) {
    try {
      return Utf8.read(file);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  /** The batches that objective and format make. */
  RunData batches(Tokenizer tokenizer) {
    List<Double> split = config.numbers("data.split");
    if (split.size() != 3) {
      throw new TrainingException(
          "[data.split] has " + split.size() + " shares; give training, validation and test");
    }
    RunData.Shape shape =
        new RunData.Shape(
            new SplitRatio(split.get(0), split.get(1), split.get(2)),
            config.integer("seed"),
            config.int32("batch.size"),
            config.int32("batch.context"),
            config.int32("batch.buckets"),
            config.flag("batch.packing"));
    boolean leaks = config.flag("data.check_leaks");
    String objective = config.text("objective.name");
    if (shape.packs()) {
      checkPacking(objective);
    }
    return switch (objective) {
      case "masked_lm" ->
          RunData.maskedCorpus(
              corpus(tokenizer), tokenizer, shape, config.flag("objective.whole_words"));
      case "classification" ->
          RunData.classes(
              rows(objective),
              config.text("data.text"),
              config.text("data.label"),
              config.texts("objective.labels"),
              tokenizer,
              shape,
              leaks);
      case "answers" ->
          RunData.answers(
              rows(objective),
              config.text("data.text"),
              config.text("data.answer"),
              tokenizer,
              shape,
              leaks);
      default ->
          switch (format) {
            case "lines" -> RunData.texts(joined(lines), tokenizer, shape, leaks);
            case "json_lines", "arrow" -> {
              String field = config.text("data.text");
              yield RunData.texts(rows().map(r -> r.text(field)), tokenizer, shape, leaks);
            }
            default -> RunData.corpus(corpus(tokenizer), shape);
          };
    };
  }

  /** Refuses to pack what fills its rows already, or has to stand alone. */
  private void checkPacking(String objective) {
    boolean texts =
        objective.equals("answers")
            || (objective.equals("causal_lm") && !List.of("text", "tokens").contains(format));
    if (!texts) {
      throw new TrainingException(
          "[batch.packing] is for causal_lm over lines, json_lines or arrow, and for answers; this"
              + " is "
              + objective
              + " over "
              + format
              + ": leave it out");
    }
    if (config.int32("batch.buckets") > 0) {
      throw new TrainingException(
          "[batch.packing] fills rows by itself; leave out batch.buckets, or this");
    }
  }

  private Dataset<Row> rows(String objective) {
    if (!format.equals("json_lines") && !format.equals("arrow")) {
      throw new TrainingException(
          "[data.format] is "
              + format
              + "; the objective "
              + objective
              + " reads json_lines or arrow");
    }
    return rows();
  }

  private Dataset<Row> rows() {
    return arrow == null ? joined(json).map(row -> row) : arrow.map(row -> row);
  }

  private static <E> Dataset<E> joined(List<? extends Dataset<E>> parts) {
    long[] ends = new long[parts.size()];
    long size = 0;
    for (int i = 0; i < ends.length; i++) {
      size += parts.get(i).size();
      ends[i] = size;
    }
    List<Dataset<E>> all = List.copyOf(parts);
    return new Dataset<>() {
      @Override
      public long size() {
        return ends[ends.length - 1];
      }

      @Override
      public E get(long index) {
        int part = 0;
        while (index >= ends[part]) {
          part++;
        }
        return all.get(part).get(part == 0 ? index : index - ends[part - 1]);
      }
    };
  }

  private TokenSequence corpus(Tokenizer tokenizer) {
    if (tokens != null) {
      return tokens;
    }
    return TokenSequence.of(tokenizer.encode(texts().collect(Collectors.joining("\n"))));
  }

  @Override
  public void close() {
    lines.forEach(TextLines::close);
    json.forEach(JsonLines::close);
    if (arrow != null) {
      arrow.close();
    }
    if (tokens != null) {
      tokens.close();
    }
  }
}
