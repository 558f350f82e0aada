package dev.quern.kernels.ffm;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Instruction set tiers of the C kernels, worst first; each includes the ones before it. */
enum Tier {
  /** Plain C. */
  BASELINE(1),
  /** AVX2, FMA, F16C. */
  AVX2(2),
  /** AVX-512 F, BW, VL, DQ, VNNI, BF16. */
  AVX512(4),
  /** AMX tiles with BF16 and INT8. */
  AMX(8);

  /** The system property that names the best tier to use. */
  static final String PROPERTY = "quern.native.tier";

  private final long bit;

  Tier(long bit) {
    this.bit = bit;
  }

  /** The last part of the tier's symbols. */
  String suffix() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The tiers of a capability mask ({@code quern_caps}) up to a cap. */
  static Set<Tier> of(long caps, Tier cap) {
    EnumSet<Tier> tiers = EnumSet.noneOf(Tier.class);
    for (Tier t : values()) {
      if ((caps & t.bit) != 0 && t.compareTo(cap) <= 0) {
        tiers.add(t);
      }
    }
    return tiers;
  }

  /** The tier of a name, or null if there is none. */
  static @Nullable Tier named(String name) {
    for (Tier t : values()) {
      if (t.suffix().equals(name.strip().toLowerCase(Locale.ROOT))) {
        return t;
      }
    }
    return null;
  }
}
