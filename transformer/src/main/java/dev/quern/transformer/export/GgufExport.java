package dev.quern.transformer.export;

import dev.quern.core.engine.Engine;
import dev.quern.core.io.TensorFile;
import dev.quern.core.io.gguf.GgufWriter;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.DType;
import dev.quern.core.type.NotSupportedException;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import dev.quern.transformer.compress.Quantization;
import dev.quern.transformer.families.Checkpoint;
import dev.quern.transformer.families.Families;
import dev.quern.transformer.families.Weights;
import dev.quern.transformer.model.ModelCard;
import dev.quern.transformer.model.Models;
import dev.quern.transformer.tokenizer.TokenizerMetadata;
import dev.quern.transformer.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes a Hugging Face folder (config.json, safetensors, tokenizer.json) as one GGUF file, with
 * the names, metadata and order of tensors that llama.cpp's converter gives them: matrices in the
 * wanted element type, everything else in F32. Families: Llama and Mistral, GPT-2, BERT with or
 * without a classifier of sequences.
 *
 * <p>{@link Models#open} reads the file; the logits are those of the folder, up to the rounding of
 * the element type.
 *
 * @param type the element type of the matrices; null for that of the folder's own
 */
public record GgufExport(@Nullable DType type) {
  private static final Set<String> WIDE = Set.of("F64", "F32");

  /**
   * What was done.
   *
   * @param type the element type of the matrices
   * @param bytes size of the file
   * @param fallbacks matrices that took another type, because their rows don't fill its blocks
   * @param leftOut tensors of the folder that GGUF has no place for, or that repeat another
   */
  public record Report(DType type, long bytes, Map<String, DType> fallbacks, List<String> leftOut) {
    /** Copies the list. */
    public Report {
      leftOut = List.copyOf(leftOut);
    }
  }

  /**
   * Checks the type.
   *
   * @throws NotSupportedException if it can't be written; names those that can
   */
  public GgufExport {
    if (type != null) {
      Quantization.of(type);
    }
  }

  /**
   * An export in the folder's own element type: F32, F16 or BF16.
   *
   * @return the export
   */
  public static GgufExport asStored() {
    return new GgufExport(null);
  }

  /**
   * An export in another element type.
   *
   * @param type F32, F16, BF16, or a block type that Quern can write
   * @return the export
   * @throws NotSupportedException if it is none of these
   */
  public static GgufExport of(DType type) {
    return new GgufExport(type);
  }

  /**
   * Writes a folder as a file. The file appears whole or not at all.
   *
   * @param engine its threads do the work
   * @param folder a Hugging Face folder
   * @param out the file to write; may exist
   * @param eachTensor told of each tensor, by GGUF's name, as it is begun
   * @return what was done
   * @throws dev.quern.core.type.FormatException if the folder is damaged, or its settings and
   *     weights don't belong together
   * @throws NotSupportedException if its family can't be exported; if GGUF can't say what its
   *     tokenizer does; or if a matrix holds NaN or infinity and the type is a block type
   */
  public Report run(Engine engine, Path folder, Path out, Consumer<String> eachTensor) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      if (checkpoint.format() != Checkpoint.Format.HUGGING_FACE) {
        throw new NotSupportedException(
            "[export] "
                + folder
                + ": this is a GGUF file already; quern quantize writes it in another type");
      }
      FamilyExport family = FamilyExport.of(checkpoint);
      try (Weights weights = new Weights(engine, checkpoint)) {
        Families.load(weights); // checks names, shapes and settings
      }
      return new Run(engine, checkpoint, family, wanted(checkpoint)).write(out, eachTensor);
    }
  }

  private Quantization wanted(Checkpoint checkpoint) {
    if (type != null) {
      return Quantization.of(type);
    }
    String main = checkpoint.mainType();
    return Quantization.of(WIDE.contains(main) ? ScalarType.F32 : DType.of(main));
  }

  /** A tensor of the new file. */
  private record Entry(Shape shape, Supplier<Tensor> values) {}

  /** One export. */
  private static final class Run {
    private final Engine engine;
    private final Checkpoint checkpoint;
    private final FamilyExport family;
    private final Quantization quantization;
    private final Map<String, Entry> entries = new TreeMap<>(Quantization.order());
    private final List<String> leftOut = new ArrayList<>();

    Run(Engine engine, Checkpoint checkpoint, FamilyExport family, Quantization quantization) {
      this.engine = engine;
      this.checkpoint = checkpoint;
      this.family = family;
      this.quantization = quantization;
      TensorFile file = checkpoint.tensors();
      for (String name : file.names()) {
        Place place = family.place(name);
        if (place == null) {
          leftOut.add(name);
          continue;
        }
        TensorSpec spec = file.spec(name);
        entries.put(
            place.name(),
            new Entry(
                place.shape(spec.shape()),
                () -> place.values(engine.wrap(file.storage(name), spec))));
      }
      family
          .more(engine)
          .forEach((name, values) -> entries.put(name, new Entry(shape(values), values)));
    }

    private static Shape shape(Supplier<Tensor> values) {
      return values.get().shape();
    }

    Report write(Path out, Consumer<String> eachTensor) {
      GgufWriter writer = new GgufWriter();
      metadata(writer);
      Map<String, DType> fallbacks = new LinkedHashMap<>();
      String source = checkpoint.path().toString();
      entries.forEach(
          (name, entry) -> {
            DType target = quantization.typeOf(name, entry.shape);
            if (target != quantization.type() && target != ScalarType.F32) {
              fallbacks.put(name, target);
            }
            writer.tensor(
                name,
                new TensorSpec(target, entry.shape),
                sink -> {
                  eachTensor.accept(name);
                  Quantization.converted(engine, source, name, entry.values, target).writeTo(sink);
                });
          });
      writer.write(out);
      return new Report(
          quantization.type(),
          out.toFile().length(),
          Collections.unmodifiableMap(fallbacks),
          leftOut);
    }

    private void metadata(GgufWriter writer) {
      Optional<ModelCard> card = ModelCard.in(checkpoint);
      Pairs general = new Pairs(writer, "general.");
      general
          .put("architecture", family.architecture())
          .put("type", "model")
          .put("name", card.map(ModelCard::name).orElse(ModelCard.nameOf(checkpoint)));
      card.ifPresent(c -> general.put("version", c.version()));
      card.map(ModelCard::licence).ifPresent(licence -> general.put("license", licence));
      family.settings(new Pairs(writer, family.architecture() + "."));
      tokenizer(new Pairs(writer, ""));
      card.ifPresent(c -> new Pairs(writer, "").put(ModelCard.GGUF_KEY, c.toJson()));
      quantization.metadata().forEach(writer::put);
    }

    private void tokenizer(Pairs to) {
      Entry embedding = entries.get("token_embd.weight");
      if (embedding == null) {
        throw new IllegalStateException("a family without an embedding");
      }
      int size = Math.toIntExact(embedding.shape.dim(0));
      TokenizerMetadata tokenizer =
          Tokenizers.toMetadata(checkpoint.path(), size, ConfiguredRoles.of(checkpoint));
      tokenizer.values().forEach(to::putAny);
      if (family.architecture().equals("bert")) {
        Entry types = entries.get("token_types.weight");
        to.put(
            "tokenizer.ggml.token_type_count",
            types == null ? 1 : Math.toIntExact(types.shape.dim(0)));
      }
    }
  }
}
