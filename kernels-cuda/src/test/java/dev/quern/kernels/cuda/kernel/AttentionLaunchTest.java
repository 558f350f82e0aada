package dev.quern.kernels.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quern.core.memory.TensorView;
import dev.quern.core.op.AttentionGradOp.AttentionGrad;
import dev.quern.core.op.AttentionOp.Attention;
import dev.quern.core.op.Op;
import dev.quern.core.spi.Kernel;
import dev.quern.core.spi.KernelArgs;
import dev.quern.core.spi.KernelSignature;
import dev.quern.core.spi.LayoutClass;
import dev.quern.core.spi.TaskPool;
import dev.quern.core.type.BlockType;
import dev.quern.core.type.DType;
import dev.quern.core.type.Layout;
import dev.quern.core.type.Precision;
import dev.quern.core.type.ScalarType;
import dev.quern.core.type.Shape;
import dev.quern.core.type.TensorSpec;
import dev.quern.kernels.cuda.driver.FakeDriver;
import dev.quern.kernels.cuda.launch.CudaDevice;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which of attention's kernels a call launches, over which grid: arithmetic on shapes. */
class AttentionLaunchTest {
  private static final MemorySegment NOWHERE = MemorySegment.ofAddress(1 << 20);
  private static final Attention CAUSAL = new Attention(true, 0.1f, 0, 0, false, false, false);
  private static final int A100_SHARED = 163 << 10;
  private static final int SMALL_SHARED = 99 << 10; // of capability 8.6

  private final FakeDriver driver = new FakeDriver();
  private CudaDevice device = device(8);
  private CudaKernels kernels = new CudaKernels(device);
  private final List<String> launched = new ArrayList<>();
  private long scratch;

  /** A device of a compute capability's first number. */
  private CudaDevice device(int major) {
    driver.major = major;
    return new CudaDevice(driver, 0, m -> ("image of " + m).getBytes(StandardCharsets.UTF_8));
  }

  private static TensorView view(DType type, long... dims) {
    return new TensorView(type, Layout.contiguous(Shape.of(dims)), NOWHERE);
  }

  /** The launches of a call, as kernel and blocks. */
  private List<String> launches(Op op, Precision precision, List<TensorView> in) {
    List<TensorSpec> specs = op.infer(in.stream().map(TensorView::spec).toList());
    List<TensorView> out = specs.stream().map(s -> view(s.dtype(), s.shape().dims())).toList();
    KernelSignature signature =
        new KernelSignature(
            op,
            in.stream().map(TensorView::dtype).toList(),
            Collections.nCopies(in.size(), LayoutClass.CONTIGUOUS),
            specs.stream().map(TensorSpec::dtype).toList(),
            false,
            precision);
    Kernel kernel = kernels.find(signature);
    assertTrue(kernel != null);
    scratch = kernel.scratchBytes(in, out);
    launched.clear();
    try (TaskPool pool = new TaskPool(1)) {
      kernel.bind(new KernelArgs(op, in, out, precision, pool, NOWHERE)).run();
    }
    device.synchronize();
    driver.grids.forEach(g -> assertTrue(g.y() == 1 && g.z() == 1, "all blocks are in x"));
    return launched;
  }

  private List<String> attention(Precision precision, DType keys, TensorView q, long... k) {
    return launches(CAUSAL, precision, List.of(q, view(keys, k), view(keys, k)));
  }

  private void expect(String... names) {
    for (String name : names) {
      driver.kernels.put("quern_" + name, (g, _) -> launched.add(name + " " + g.x()));
    }
  }

  @Test
  void fewQueriesAreSplitOverKeysAndJoined() {
    expect("attention_split4_f32_f16", "attention_join_f32");
    TensorView q = view(ScalarType.F32, 1, 1, 32, 128);
    assertEquals(
        List.of("attention_split4_f32_f16 512", "attention_join_f32 32"),
        attention(Precision.FAST, ScalarType.F16, q, 1, 32_768, 8, 128));
    assertEquals(32 * 64 * (128 + 2) * Float.BYTES, scratch, "64 pieces of each row");
    assertEquals(
        List.of("attention_split4_f32_f16 24", "attention_join_f32 32"),
        attention(Precision.EXACT, ScalarType.F16, q, 1, 300, 8, 128));
    assertEquals(
        List.of("attention_split4_f32_f16 8"),
        attention(Precision.FAST, ScalarType.F16, q, 1, 128, 8, 128));
    assertEquals(0, scratch, "a single piece needs none");
  }

  @Test
  void allHeadsOfAGroupShareABlock() {
    expect("attention_split8_f32_q8_0", "attention_split8_f32_f8_e4m3");
    expect("attention_split16_bf16_bf16");
    TensorView eight = view(ScalarType.F32, 600, 1, 64, 128);
    assertEquals(
        List.of("attention_split8_f32_q8_0 4800"),
        attention(Precision.FAST, BlockType.Q8_0, eight, 600, 1024, 8, 128));
    assertEquals(
        List.of("attention_split8_f32_f8_e4m3 4800"),
        attention(Precision.FAST, ScalarType.F8_E4M3, eight, 600, 1024, 8, 128));
    TensorView forty = view(ScalarType.BF16, 600, 1, 40, 64);
    assertEquals(
        List.of("attention_split16_bf16_bf16 1800"),
        attention(Precision.EXACT, ScalarType.BF16, forty, 600, 1024, 1, 64),
        "three tiles of 16 rows");
  }

  @Test
  void batchesMayBeLargerThanTheOtherAxesOfAGrid() {
    expect("attention_split4_f32_f32", "attention_f32_f32", "attention_mma64_f16_f16");
    assertEquals(
        List.of("attention_split4_f32_f32 140000"),
        attention(
            Precision.EXACT,
            ScalarType.F32,
            view(ScalarType.F32, 70_000, 1, 2, 8),
            70_000,
            9,
            2,
            8));
    assertEquals(
        List.of("attention_f32_f32 840000"),
        attention(
            Precision.EXACT,
            ScalarType.F32,
            view(ScalarType.F32, 70_000, 96, 2, 8),
            70_000,
            96,
            2,
            8));
    assertEquals(
        List.of("attention_mma64_f16_f16 280000"),
        attention(
            Precision.FAST,
            ScalarType.F16,
            view(ScalarType.F16, 70_000, 96, 2, 8),
            70_000,
            96,
            2,
            8));
  }

  @Test
  void manyQueriesMeetTensorCoresIfTheyMayBeRounded() {
    expect("attention_mma128_f32_f16", "attention_f32_f16", "attention_mma96_bf16_bf16");
    expect("attention_bf16_bf16");
    TensorView q = view(ScalarType.F32, 1, 2048, 32, 128);
    long[] k = {1, 2048, 8, 128};
    assertEquals(
        List.of("attention_mma128_f32_f16 1024"), attention(Precision.FAST, ScalarType.F16, q, k));
    assertEquals(
        List.of("attention_mma128_f32_f16 1024"), attention(Precision.BF16, ScalarType.F16, q, k));
    assertEquals(
        List.of("attention_f32_f16 4096"), attention(Precision.EXACT, ScalarType.F16, q, k));
    expect("attention_mma128_f32_f8_e4m3", "attention_mma128_f32_q8_0");
    expect("attention_f32_f8_e4m3", "attention_f32_q8_0");
    assertEquals(
        List.of("attention_mma128_f32_f8_e4m3 1024"),
        attention(Precision.FAST, ScalarType.F8_E4M3, q, k));
    assertEquals(
        List.of("attention_mma128_f32_q8_0 1024"), attention(Precision.FAST, BlockType.Q8_0, q, k));
    assertEquals(
        List.of("attention_f32_f8_e4m3 4096"),
        attention(Precision.EXACT, ScalarType.F8_E4M3, q, k));
    assertEquals(
        List.of("attention_f32_q8_0 4096"), attention(Precision.EXACT, BlockType.Q8_0, q, k));
    TensorView eighty = view(ScalarType.BF16, 2, 100, 4, 80);
    assertEquals(
        List.of("attention_mma96_bf16_bf16 16"),
        attention(Precision.FAST, ScalarType.BF16, eighty, 2, 100, 4, 80));
    TensorView huge = view(ScalarType.BF16, 1, 100, 1, 264);
    assertEquals(
        List.of("attention_bf16_bf16 21"),
        attention(Precision.FAST, ScalarType.BF16, huge, 1, 100, 1, 264),
        "no tile is as wide");
  }

  /**
   * A call that Hopper's own kernel takes but for what is said, which leaves it to all devices'.
   */
  @Test
  void hopperHasItsOwnKernel() {
    device = device(9);
    kernels = new CudaKernels(device);
    expect("attention_hopper128_bf16", "attention_hopper64_f16", "attention_mma128_bf16_bf16");
    expect("attention_mma128_f32_bf16", "attention_mma64_f16_f16", "attention_bf16_bf16");
    TensorView q = view(ScalarType.BF16, 1, 2048, 32, 128);
    long[] k = {1, 2048, 8, 128};
    assertEquals(
        List.of("attention_hopper128_bf16 132"), attention(Precision.FAST, ScalarType.BF16, q, k));
    assertEquals(
        List.of("attention_hopper64_f16 6"),
        attention(Precision.BF16, ScalarType.F16, view(ScalarType.F16, 3, 65, 2, 8), 3, 100, 1, 8));
    String other = "attention_mma128_bf16_bf16 1024";
    TensorView keys = view(ScalarType.BF16, k);
    Attention capped = new Attention(true, 0.1f, 30, 0, false, false, false);
    assertEquals(List.of(other), launches(capped, Precision.FAST, List.of(q, keys, keys)));
    Attention masked = new Attention(true, 0.1f, 0, 0, true, false, false);
    TensorView mask = view(ScalarType.BOOL, 1, 1, 1, 2048);
    assertEquals(List.of(other), launches(masked, Precision.FAST, List.of(q, keys, keys, mask)));
    Attention negative = new Attention(true, -0.1f, 0, 0, false, false, false);
    assertEquals(List.of(other), launches(negative, Precision.FAST, List.of(q, keys, keys)));
    TensorView odd =
        new TensorView(
            ScalarType.BF16,
            Layout.contiguous(Shape.of(1, 2048, 8, 132)).slice(3, 0, 128, 1),
            NOWHERE);
    assertEquals(List.of(other), launches(CAUSAL, Precision.FAST, List.of(q, odd, keys)));
    assertEquals(
        List.of("attention_mma128_f32_bf16 1024"),
        attention(Precision.FAST, ScalarType.BF16, view(ScalarType.F32, 1, 2048, 32, 128), k));
    assertEquals(
        List.of("attention_mma64_f16_f16 2"),
        attention(Precision.FAST, ScalarType.F16, view(ScalarType.F16, 1, 64, 2, 8), 1, 100, 2, 8),
        "few queries");
    assertEquals(
        List.of("attention_bf16_bf16 4096"), attention(Precision.EXACT, ScalarType.BF16, q, k));
    device = device(10);
    kernels = new CudaKernels(device);
    assertEquals(List.of(other), attention(Precision.FAST, ScalarType.BF16, q, k));
  }

  @Test
  void tilesThatABlockHasNoRoomForAreNotTaken() {
    Shape q = Shape.of(1, 100, 1, 256);
    AttentionTiles wide = AttentionTiles.of(q, q, q, ScalarType.F32);
    assertTrue(wide.fits(A100_SHARED));
    assertFalse(wide.fits(SMALL_SHARED));
    Shape one = Shape.of(1, 1, 1, 256);
    AttentionSplit f64 = AttentionSplit.of(one, q, q, ScalarType.F64, ScalarType.F64);
    assertFalse(f64.fits(256, ScalarType.F64, A100_SHARED));
    AttentionSplit f16 = AttentionSplit.of(one, q, q, ScalarType.F32, ScalarType.F16);
    assertTrue(f16.fits(256, ScalarType.F16, SMALL_SHARED));
    assertFalse(f16.fits(1032, ScalarType.F16, A100_SHARED), "more chunks than threads");
  }

  @Test
  void gradientsOfHalvesMeetTensorCores() {
    expect("attention_delta_bf16", "attention_mma128_dq_bf16", "attention_mma128_dkv_bf16");
    expect("attention_dq_bf16", "attention_dkv_bf16");
    TensorView q = view(ScalarType.BF16, 2, 1000, 8, 128);
    TensorView k = view(ScalarType.BF16, 2, 1000, 2, 128);
    List<TensorView> in = List.of(q, k, k, q, q, view(ScalarType.F32, 2, 8, 1000));
    assertEquals(
        List.of(
            "attention_delta_bf16 2000",
            "attention_mma128_dq_bf16 252",
            "attention_mma128_dkv_bf16 64"),
        launches(new AttentionGrad(CAUSAL), Precision.FAST, in));
    assertEquals(
        List.of("attention_delta_bf16 2000", "attention_dq_bf16 1000", "attention_dkv_bf16 504"),
        launches(new AttentionGrad(CAUSAL), Precision.EXACT, in));
  }
}
