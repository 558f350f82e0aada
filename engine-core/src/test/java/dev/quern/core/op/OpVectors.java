package dev.quern.core.op;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quern.core.engine.Engine;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.TensorSpec;
import dev.quern.testkit.Values;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** The committed test vectors, one file per family. */
final class OpVectors {
  /** A tensor as the file has it. */
  record Data(TensorSpec spec, JsonNode values) {
    static Data of(JsonNode n) {
      ScalarType type = ScalarType.valueOf(n.get("dtype").asText());
      return new Data(new TensorSpec(type, OpFamily.shape(n.get("shape"))), n.get("values"));
    }

    ScalarType dtype() {
      return (ScalarType) spec.dtype();
    }

    double value(int i) {
      return OpFamily.number(values.get(i));
    }

    /** Its little-endian bytes. */
    MemorySegment bytes() {
      MemorySegment s = Arena.ofAuto().allocate(spec.byteSize(), 8);
      for (int i = 0; i < values.size(); i++) {
        if (dtype() == ScalarType.I64) {
          s.setAtIndex(ValueLayout.JAVA_LONG, i, values.get(i).asLong());
        } else {
          Values.set(dtype(), s, i, value(i));
        }
      }
      return s;
    }

    Tensor tensor(Engine engine) {
      return engine.tensor(spec, bytes());
    }
  }

  /** One case. */
  record Vector(String name, Op op, List<Data> inputs, List<Data> outputs) {}

  private OpVectors() {}

  /** All cases of all files. */
  static List<Vector> all() throws IOException {
    List<Vector> all = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder())) {
      for (Path f : files.filter(p -> p.toString().endsWith(".json")).sorted().toList()) {
        JsonNode cases = new ObjectMapper().readTree(f.toFile());
        for (int i = 0; i < cases.size(); i++) {
          JsonNode c = cases.get(i);
          Op op = OpFamily.make(c.get("op").asText(), c.get("attributes"));
          String name = f.getFileName() + " " + (i + 1) + " " + op;
          all.add(new Vector(name, op, data(c.get("inputs")), data(c.get("outputs"))));
        }
      }
    }
    return all;
  }

  private static List<Data> data(JsonNode list) {
    List<Data> data = new ArrayList<>();
    list.forEach(n -> data.add(Data.of(n)));
    return data;
  }

  private static Path folder() {
    try {
      return Path.of(Objects.requireNonNull(OpVectors.class.getResource("unary.json")).toURI())
          .resolveSibling(".");
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
