package dev.quern.kernels.ffm;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.invoke.MethodHandle;

/**
 * One constant handle per C signature, for {@link Calls} and {@link GradientCalls} alone. Each has
 * a class of its own, whose initialiser makes it when it is first called: making a handle takes
 * milliseconds at a process's start, and no model calls all.
 */
@SuppressWarnings("restricted")
final class Handles {
  private Handles() {}

  static final class Caps {
    static final MethodHandle HANDLE = handle(FunctionDescriptor.of(JAVA_LONG));
  }

  static final class Version {
    static final MethodHandle HANDLE = handle(FunctionDescriptor.of(JAVA_INT));
  }

  static final class BytesOfDepth {
    static final MethodHandle HANDLE = handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
  }

  static final class BytesOfRows {
    static final MethodHandle HANDLE =
        handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  }

  static final class Matmul {
    static final MethodHandle HANDLE = handle(procedure("plplplllllp"));
  }

  static final class MatmulGated {
    static final MethodHandle HANDLE = handle(procedure("plpplplllllpl"));
  }

  static final class Gemm {
    static final MethodHandle HANDLE = handle(procedure("pllpllplllllp"));
  }

  static final class GemmRounded {
    static final MethodHandle HANDLE = handle(procedure("pllplplllllpplp"));
  }

  static final class Outer {
    static final MethodHandle HANDLE = handle(procedure("plplpllllp"));
  }

  static final class OuterSums {
    static final MethodHandle HANDLE = handle(procedure("pllplll"));
  }

  static final class Attention {
    static final MethodHandle HANDLE = handle(procedure("pppppppp"));
  }

  static final class AttentionStep {
    static final MethodHandle HANDLE = handle(procedure("pppppplllllp"));
  }

  static final class AttentionJoin {
    static final MethodHandle HANDLE = handle(procedure("pllpppl"));
  }

  static final class Rows {
    static final MethodHandle HANDLE = handle(procedure("plplll"));
  }

  static final class RowsAt {
    static final MethodHandle HANDLE = handle(procedure("llllll"));
  }

  static final class RmsNorm {
    static final MethodHandle HANDLE = handle(procedure("plpplpllfll"));
  }

  static final class LayerNorm {
    static final MethodHandle HANDLE = handle(procedure("plppplppllfll"));
  }

  static final class Softmax {
    static final MethodHandle HANDLE = handle(procedure("plplllll"));
  }

  static final class Map {
    static final MethodHandle HANDLE = handle(procedure("pplll"));
  }

  static final class Zip {
    static final MethodHandle HANDLE = handle(procedure("ppplll"));
  }

  static final class SumColumns {
    static final MethodHandle HANDLE = handle(procedure("plpll"));
  }

  static final class SumAll {
    static final MethodHandle HANDLE = handle(procedure("plp"));
  }

  static final class IndexAdd {
    static final MethodHandle HANDLE = handle(procedure("plplpllll"));
  }

  static final class Gated {
    static final MethodHandle HANDLE = handle(procedure("plplplll"));
  }

  static final class Rope {
    static final MethodHandle HANDLE = handle(procedure("ppplpllll"));
  }

  static final class CrossEntropy {
    static final MethodHandle HANDLE = handle(procedure("ppllfppll"));
  }

  static final class CrossEntropyGrad {
    static final MethodHandle HANDLE = handle(procedure("ppllfplfpplll"));
  }

  static final class NormGrad {
    static final MethodHandle HANDLE = handle(procedure("pppppppppll"));
  }

  static final class JoinParts {
    static final MethodHandle HANDLE = handle(procedure("pllpl"));
  }

  static final class GateGrad {
    static final MethodHandle HANDLE = handle(procedure("ppppplll"));
  }

  static final class AttentionGrad {
    static final MethodHandle HANDLE = handle(procedure("pppppppppppllllllp"));
  }

  static final class Dropout {
    static final MethodHandle HANDLE = handle(procedure("ppllllf"));
  }

  static final class AdamW {
    static final MethodHandle HANDLE = handle(procedure("pppppplfffff"));
  }

  static final class LargePages {
    static final MethodHandle HANDLE = handle(FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
  }

  static final class Fetch {
    static final MethodHandle HANDLE = handle(procedure("ll"));
  }

  static final class Ceiling {
    static final MethodHandle HANDLE =
        handle(FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS));
  }

  private static FunctionDescriptor procedure(String arguments) {
    MemoryLayout[] layouts = new MemoryLayout[arguments.length()];
    for (int i = 0; i < layouts.length; i++) {
      layouts[i] =
          switch (arguments.charAt(i)) {
            case 'p' -> ADDRESS;
            case 'l' -> JAVA_LONG;
            default -> JAVA_FLOAT;
          };
    }
    return FunctionDescriptor.ofVoid(layouts);
  }

  private static MethodHandle handle(FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(descriptor);
  }
}
