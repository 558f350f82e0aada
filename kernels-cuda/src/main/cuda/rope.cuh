// The rotation of a pair (u, v) by position · frequency, whose sine and cosine are taken in F64, as positions need more digits than F32
// has.
#pragma once
#include "quern.cuh"

template <typename W> struct Turn {
  W sine = 0, cosine = 1;
  QUERN_INLINE void by(i64 position, W frequency) {
    double s, c;
    sincos(static_cast<double>(position) * static_cast<double>(frequency), &s, &c);
    sine = static_cast<W>(s);
    cosine = static_cast<W>(c);
  }
  QUERN_INLINE W first(W u, W v) const { return u * cosine - v * sine; }
  QUERN_INLINE W second(W u, W v) const { return u * sine + v * cosine; }
};
