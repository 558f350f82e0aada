// DataOp.Cast of F32, F16 or BF16 to blocks of 32: y = x in the format's levels. x: any strides; y: without gaps.
//
// Loop nest: a warp for a row; it makes one block after another, a lane an element (quantize.cuh).
#include "lines.cuh"
#include "quantize.cuh"

struct QuantizeParams {
  Lines<2> lines;  // y in bytes, x; n: elements of a row
  int from;        // as numbered below
  u32 blockBytes;
};

// The order is that of ScalarType.
enum { FROM_F32 = 1, FROM_F16 = 2, FROM_BF16 = 3 };

template <typename T, typename Q> QUERN_INLINE void rows(const QuantizeParams& p, Q quantize) {
  Member m = member(p.lines);
  if (m.line >= p.lines.lines) return;
  const T* x = p.lines.template first<const T>(1, m.line);
  u8* y = p.lines.template first<u8>(0, m.line);
  for (u32 i = m.lane; i < p.lines.n; i += WARP) {
    quantize(static_cast<float>(widen(x[i * p.lines.step[1]])), y + static_cast<i64>(i / WARP) * p.blockBytes, m.lane);
  }
}
template <typename Q> QUERN_INLINE void from(const QuantizeParams& p, Q quantize) {
  switch (p.from) {
    case FROM_F32: return rows<float>(p, quantize);
    case FROM_F16: return rows<half_t>(p, quantize);
    case FROM_BF16: return rows<bf16_t>(p, quantize);
  }
}

QUERN_KERNEL(quantize_q8_0, QuantizeParams, LINE_THREADS) {
  from(p, [](float x, u8* block, u32 lane) { quantizeQ8_0(x, block, lane); });
}
#define LEVELS(NAME, BITS, MINIMUM)                                                                        \
  QUERN_KERNEL(quantize_##NAME, QuantizeParams, LINE_THREADS) {                                            \
    from(p, [](float x, u8* block, u32 lane) { quantizeLevels<BITS, MINIMUM>(x, block, lane); });          \
  }
LEVELS(q4_0, 4, false)
LEVELS(q4_1, 4, true)
LEVELS(q5_0, 5, false)
LEVELS(q5_1, 5, true)
