package dev.quern.kernels.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.ArrayList;
import java.util.List;

/**
 * A product of 16-bit floats of one shape in cuBLASLt, with the algorithms that its heuristics
 * name, the likely fastest first: c (m, n) = a (m, k) · w (n, k)ᵀ (+ bias), sums in F32, c without
 * gaps. The library's own descriptions of it are freed when nobody holds the product any more.
 */
public final class CublasLtProduct {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final int COMPUTE_32F = 68;
  private static final int R_32F = 0;
  private static final int R_16F = 2;
  private static final int R_16BF = 14;
  private static final int TRANS_A = 3;
  private static final int TRANS_B = 4;
  private static final int EPILOGUE = 7;
  private static final int BIAS_POINTER = 8;
  private static final int EPILOGUE_BIAS = 4;
  private static final int BATCH_COUNT = 5;
  private static final int BATCH_OFFSET = 6;
  private static final int MOST_WORKSPACE = 1;
  private static final int[] ALIGNMENTS = {5, 6, 7, 8}; // of a, b, c, d
  private static final int ALIGNMENT = 16;
  private static final int RESULT_BYTES =
      96; // algorithm 64, workspace 8, status 4, waves, reserved
  private static final int ALGORITHM_BYTES = 64;
  private static final int MOST_ALGORITHMS = 4;

  /**
   * An operand: rows of k, or lines of rows for each k.
   *
   * @param kMajor whether elements of k are neighbours
   * @param between from one row to the next, or from one k to the next, in elements
   * @param batch from one product of the batch to the next; 0 if all share it
   */
  public record Factor(boolean kMajor, long between, long batch) {}

  /**
   * What makes a product another one to the library.
   *
   * @param bf16 whether elements are BF16; else F16
   * @param wide whether results, and the bias, are F32; else of the operands' type
   * @param m rows
   * @param n columns
   * @param k what is summed over
   * @param batches products
   * @param a the left operand
   * @param w the right operand, by its columns
   * @param bias whether there is one
   */
  public record Key(
      boolean bf16,
      boolean wide,
      long m,
      long n,
      long k,
      long batches,
      Factor a,
      Factor w,
      boolean bias) {}

  /** What is freed: without a reference to the product. */
  private record Described(CublasLt library, long desc, List<Long> layouts) implements Runnable {
    @Override
    public void run() {
      layouts.forEach(library::destroyLayout);
      library.destroyDesc(desc);
    }
  }

  private final CublasLt library;
  private final boolean bias;
  private final long desc;
  private final long a;
  private final long b;
  private final long c;
  private final MemorySegment one = Arena.ofAuto().allocateFrom(JAVA_FLOAT, 1);
  private final MemorySegment zero = Arena.ofAuto().allocateFrom(JAVA_FLOAT, 0);
  private final MemorySegment pointer = Arena.ofAuto().allocate(JAVA_LONG);
  private final List<MemorySegment> algorithms = new ArrayList<>();

  /**
   * Describes a product, and asks for algorithms.
   *
   * @param library cuBLASLt
   * @param key the product; operands and strides are aligned to 16 bytes
   * @param workspaceBytes that algorithms may use
   */
  public CublasLtProduct(CublasLt library, Key key, long workspaceBytes) {
    this.library = library;
    this.bias = key.bias();
    // Matrices are columns one after another, so cᵀ (n, m) = w · aᵀ is computed.
    int type = key.bf16() ? R_16BF : R_16F;
    desc = library.createDesc(COMPUTE_32F, R_32F);
    List<Long> layouts = new ArrayList<>();
    CLEANER.register(this, new Described(library, desc, layouts));
    a = layout(layouts, type, key.w(), key.n(), key);
    b = layout(layouts, type, key.a(), key.m(), key);
    c = add(layouts, key.wide() ? R_32F : type, key.n(), key.m(), key.n());
    batch(c, key.batches(), key.m() * key.n());
    set(TRANS_A, key.w().kMajor() ? 1 : 0);
    set(TRANS_B, key.a().kMajor() ? 0 : 1);
    if (bias) {
      set(EPILOGUE, EPILOGUE_BIAS);
    }
    ask(workspaceBytes);
  }

  private long add(List<Long> layouts, int type, long rows, long columns, long leading) {
    long layout = library.createLayout(type, rows, columns, leading);
    layouts.add(layout);
    return layout;
  }

  private long layout(List<Long> layouts, int type, Factor f, long rows, Key key) {
    long layout =
        f.kMajor()
            ? add(layouts, type, key.k(), rows, f.between())
            : add(layouts, type, rows, key.k(), f.between());
    batch(layout, key.batches(), f.batch());
    return layout;
  }

  private void batch(long layout, long count, long offset) {
    try (Arena arena = Arena.ofConfined()) {
      library.setLayout(layout, BATCH_COUNT, arena.allocateFrom(JAVA_INT, Math.toIntExact(count)));
      library.setLayout(layout, BATCH_OFFSET, arena.allocateFrom(JAVA_LONG, offset));
    }
  }

  private void set(int attribute, int value) {
    try (Arena arena = Arena.ofConfined()) {
      library.setDesc(desc, attribute, arena.allocateFrom(JAVA_INT, value));
    }
  }

  private void ask(long workspaceBytes) {
    long preference = library.createPreference();
    try (Arena arena = Arena.ofConfined()) {
      library.setPreference(
          preference, MOST_WORKSPACE, arena.allocateFrom(JAVA_LONG, workspaceBytes));
      for (int which : ALIGNMENTS) {
        library.setPreference(preference, which, arena.allocateFrom(JAVA_INT, ALIGNMENT));
      }
      MemorySegment results = arena.allocate((long) RESULT_BYTES * MOST_ALGORITHMS, Long.BYTES);
      int found = library.heuristic(desc, a, b, c, preference, MOST_ALGORITHMS, results);
      for (int i = 0; i < Math.min(found, MOST_ALGORITHMS); i++) {
        MemorySegment result = results.asSlice((long) i * RESULT_BYTES, RESULT_BYTES);
        if (result.get(JAVA_INT, ALGORITHM_BYTES + Long.BYTES) == 0) {
          MemorySegment algorithm = Arena.ofAuto().allocate(ALGORITHM_BYTES, Long.BYTES);
          algorithms.add(algorithm.copyFrom(result.asSlice(0, ALGORITHM_BYTES)));
        }
      }
    } finally {
      library.destroyPreference(preference);
    }
  }

  /**
   * How many algorithms there are.
   *
   * @return 0 if the library can't compute the product
   */
  public int algorithms() {
    return algorithms.size();
  }

  /**
   * Puts the product into a stream.
   *
   * @param algorithm from 0, below {@link #algorithms}
   * @param left address of a
   * @param right address of w
   * @param biasAddress address of n elements; 0 if there is none
   * @param result address of c
   * @param workspace address of working memory
   * @param workspaceBytes its size
   * @param rawStream what {@link CudaDriver#rawStream} says
   */
  public synchronized void run(
      int algorithm,
      long left,
      long right,
      long biasAddress,
      long result,
      long workspace,
      long workspaceBytes,
      long rawStream) {
    if (bias) {
      pointer.set(JAVA_LONG, 0, biasAddress);
      library.setDesc(desc, BIAS_POINTER, pointer);
    }
    library.matmul(
        desc,
        one,
        zero,
        new CublasLt.Operands(right, a, left, b, result, c, workspace, workspaceBytes),
        algorithms.get(algorithm),
        rawStream);
  }
}
