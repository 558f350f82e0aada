package dev.quern.transformer.layers;

import dev.quern.core.op.CreateOp;
import dev.quern.core.op.Executor;
import dev.quern.core.op.Tensor;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.ShapeException;
import dev.quern.transformer.settings.NamedSettings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** The table behind {@link Initializers#of}. */
final class NamedInitializers {
  static final Map<String, Entry> TABLE = table();

  private static final double ANY = Double.MAX_VALUE;

  /** How often a value outside is drawn again; then it is moved to the cut. */
  private static final int DRAWS = 8;

  /**
   * An initialiser with a name.
   *
   * @param keys its settings
   * @param make from settings
   */
  record Entry(List<String> keys, Function<NamedSettings, Initializer> make) {}

  /** Inputs and outputs of one element of a weight [out, in, ...]. */
  private record Fans(double in, double out) {
    static Fans of(String who, long... dims) {
      if (dims.length < 2) {
        throw new ShapeException(
            "[%s] weight %s has no inputs and outputs; it takes [out, in, ...], so use normal, uniform"
                    .formatted(who, Shape.of(dims))
                + " or zeros for it");
      }
      double field = 1;
      for (int i = 2; i < dims.length; i++) {
        field *= dims[i];
      }
      return new Fans(dims[1] * field, dims[0] * field);
    }
  }

  private NamedInitializers() {}

  private static Map<String, Entry> table() {
    Map<String, Entry> t = new LinkedHashMap<>();
    t.put("zeros", new Entry(List.of(), _ -> constant(0)));
    t.put("ones", new Entry(List.of(), _ -> constant(1)));
    t.put("constant", new Entry(List.of("value"), s -> constant(s.need("value", -ANY, ANY))));
    t.put("normal", new Entry(List.of("mean", "deviation"), NamedInitializers::normal));
    t.put(
        "truncated_normal",
        new Entry(List.of("mean", "deviation", "cut"), NamedInitializers::truncated));
    t.put(
        "uniform",
        new Entry(
            List.of("low", "high"),
            s -> {
              double low = s.get("low", 0, -ANY, ANY);
              double high = s.get("high", 1, low, ANY);
              return (e, type, seed, dims) -> uniform(e, type, seed, low, high, dims);
            }));
    t.put("xavier_uniform", new Entry(List.of("gain"), s -> xavier(s, true)));
    t.put("xavier_normal", new Entry(List.of("gain"), s -> xavier(s, false)));
    t.put(
        "kaiming_uniform", new Entry(List.of("negative_slope", "fan_out"), s -> kaiming(s, true)));
    t.put(
        "kaiming_normal", new Entry(List.of("negative_slope", "fan_out"), s -> kaiming(s, false)));
    t.put(
        "orthogonal",
        new Entry(
            List.of("gain"),
            s -> {
              double gain = s.get("gain", 1, 0, ANY);
              return (e, type, seed, dims) -> orthogonal(e, type, seed, gain, dims);
            }));
    t.put(
        "gpt2_residual",
        new Entry(
            List.of("deviation", "layers"),
            s -> {
              double layers = (double) s.needCount("layers", 1);
              double deviation = s.get("deviation", 0.02, 0, ANY) / Math.sqrt(2 * layers);
              return (e, type, seed, dims) -> normal(e, type, seed, 0, dims).mul(deviation);
            }));
    return t;
  }

  private static Initializer constant(double value) {
    return (e, type, _, dims) -> e.one(new CreateOp.Full(type, Shape.of(dims), value));
  }

  private static Initializer normal(NamedSettings s) {
    double mean = s.get("mean", 0, -ANY, ANY);
    double deviation = s.get("deviation", 0.02, 0, ANY);
    return (e, type, seed, dims) -> shifted(normal(e, type, seed, 0, dims).mul(deviation), mean);
  }

  private static Initializer truncated(NamedSettings s) {
    double mean = s.get("mean", 0, -ANY, ANY);
    double deviation = s.get("deviation", 0.02, 0, ANY);
    double cut = s.get("cut", 2, 1.5, ANY);
    return (e, type, seed, dims) -> {
      long blocks = (Shape.of(dims).elements() + 3) / 4; // four values to a Philox counter
      Tensor x = normal(e, type, seed, (DRAWS - 1) * blocks, dims).clip(-cut, cut);
      for (int draw = DRAWS - 2; draw >= 0; draw--) {
        Tensor z = normal(e, type, seed, draw * blocks, dims);
        x = z.abs().lessEqual(z.scalarLike(cut)).where(z, x);
      }
      return shifted(x.mul(deviation), mean);
    };
  }

  private static Initializer xavier(NamedSettings s, boolean uniform) {
    double gain = s.get("gain", 1, 0, ANY);
    return (e, type, seed, dims) -> {
      Fans fans = Fans.of("xavier", dims);
      return spread(e, type, seed, uniform, gain * Math.sqrt(2 / (fans.in + fans.out)), dims);
    };
  }

  private static Initializer kaiming(NamedSettings s, boolean uniform) {
    double slope = s.get("negative_slope", 0, 0, ANY);
    boolean out = s.flag("fan_out", false);
    return (e, type, seed, dims) -> {
      Fans fans = Fans.of("kaiming", dims);
      double fan = out ? fans.out : fans.in;
      return spread(e, type, seed, uniform, Math.sqrt(2 / (1 + slope * slope) / fan), dims);
    };
  }

  /** Values of mean 0 and that deviation. */
  private static Tensor spread(
      Executor e, ScalarType type, long seed, boolean uniform, double deviation, long... dims) {
    double bound = Math.sqrt(3) * deviation;
    return uniform
        ? uniform(e, type, seed, -bound, bound, dims)
        : normal(e, type, seed, 0, dims).mul(deviation);
  }

  private static Tensor orthogonal(
      Executor e, ScalarType type, long seed, double gain, long... dims) {
    if (dims.length < 2) {
      throw new ShapeException(
          "[orthogonal] weight " + Shape.of(dims) + " is no matrix; it takes [out, in, ...]");
    }
    long rows = dims[0];
    long columns = Shape.of(dims).elements() / Math.max(1, rows);
    Tensor drawn = normal(e, ScalarType.F64, seed, 0, rows, columns);
    Tensor q =
        rows <= columns
            ? e.one(new Orthonormal(), drawn)
            : e.one(new Orthonormal(), drawn.transpose()).transpose();
    return q.mul(gain).cast(type).reshape(dims);
  }

  private static Tensor uniform(
      Executor e, ScalarType type, long seed, double low, double high, long... dims) {
    Tensor u = e.one(new CreateOp.RandomUniform(type, Shape.of(dims)), key(e, seed, 0));
    return shifted(u.mul(high - low), low);
  }

  private static Tensor shifted(Tensor x, double by) {
    return by == 0 ? x : x.add(by);
  }

  /** Standard normal values from a place of the sequence of a seed. */
  static Tensor normal(Executor e, ScalarType type, long seed, long offset, long... dims) {
    return e.one(new CreateOp.RandomNormal(type, Shape.of(dims)), key(e, seed, offset));
  }

  /** (seed, offset), I64: made of halves, because ranges begin at numbers that a double holds. */
  private static Tensor key(Executor e, long seed, long offset) {
    double high = (double) (seed >> 32);
    double low = (double) (seed & 0xFFFF_FFFFL);
    Tensor upper = e.one(new CreateOp.Arange(ScalarType.I64, high, -high, 2));
    Tensor lower = e.one(new CreateOp.Arange(ScalarType.I64, low, (double) offset - low, 2));
    return upper.mul(0x1p32).add(lower);
  }
}
