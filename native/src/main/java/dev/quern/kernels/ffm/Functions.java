package dev.quern.kernels.ffm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * The kernels of the open library: a kernel's name to its best usable tier.
 *
 * <p>Shared by all threads.
 */
final class Functions {
  /** The version of {@code quern.h} that {@link Calls} is written for. */
  static final int VERSION = 9;

  /**
   * A kernel in a tier.
   *
   * @param address the function
   * @param tier whose
   */
  record Function(MemorySegment address, Tier tier) {}

  private final SymbolLookup library;
  private final TreeSet<Tier> tiers;
  private final Map<String, Optional<Function>> known = new ConcurrentHashMap<>();
  private final MemorySegment scratchBytes;
  private final MemorySegment attentionScratchBytes;
  private final MemorySegment attentionGradScratchBytes;
  private final MemorySegment largePages;
  private final MemorySegment moveToLargePages;
  private final MemorySegment fetch;

  private Functions(SymbolLookup library, Set<Tier> tiers) {
    this.library = library;
    this.tiers = new TreeSet<>(tiers);
    this.scratchBytes = library.findOrThrow("quern_scratch_bytes");
    this.attentionScratchBytes = library.findOrThrow("quern_attention_scratch_bytes");
    this.attentionGradScratchBytes = library.findOrThrow("quern_attention_grad_scratch_bytes");
    this.moveToLargePages = library.findOrThrow("quern_move_to_large_pages");
    this.largePages = library.findOrThrow("quern_large_pages");
    this.fetch = library.findOrThrow("quern_fetch");
  }

  /**
   * The functions of a library.
   *
   * @param library open
   * @param cap the best tier to use
   * @throws IllegalStateException if the library is another version's
   */
  static Functions of(SymbolLookup library, Tier cap) {
    int version = Calls.version(library.findOrThrow("quern_abi_version"));
    if (version != VERSION) {
      throw new IllegalStateException("it has version " + version + ", not " + VERSION);
    }
    long caps = Calls.caps(library.findOrThrow("quern_caps"));
    return new Functions(library, Tier.of(caps, cap));
  }

  /** The same library with tiers up to a cap only. */
  Functions capped(Tier cap) {
    return new Functions(library, tiers.headSet(cap, true));
  }

  /** The tiers in use, worst first. */
  Set<Tier> tiers() {
    return Set.copyOf(tiers);
  }

  /** The tiers in use, worst first, in a line. */
  String describe() {
    return tiers.stream().map(Tier::suffix).collect(Collectors.joining(", "));
  }

  /**
   * A kernel.
   *
   * @param kernel for example {@code matvec_f32_q8_0}
   * @return it in the best tier that has it, or empty if none has
   */
  Optional<Function> find(String kernel) {
    return known.computeIfAbsent(kernel, this::look);
  }

  /**
   * A kernel that every tier has, AMX perhaps excepted.
   *
   * @throws IllegalStateException if the library lacks it
   */
  Function get(String kernel) {
    return find(kernel)
        .orElseThrow(() -> new IllegalStateException("no " + kernel + " in the native library"));
  }

  private Optional<Function> look(String kernel) {
    for (Tier t : tiers.descendingSet()) {
      Optional<MemorySegment> f = library.find("quern_" + kernel + "_" + t.suffix());
      if (f.isPresent()) {
        return Optional.of(new Function(f.get(), t));
      }
    }
    return Optional.empty();
  }

  /** Scratch of one attention slice: rows = queries × heads of the group. */
  long attentionScratchBytes(long rows, long headDim, long valueDim) {
    return Calls.attentionScratchBytes(attentionScratchBytes, rows, headDim, valueDim);
  }

  /** Scratch of one slice of attention's gradient: rows = queries × heads of the group. */
  long attentionGradScratchBytes(long rows, long headDim, long valueDim) {
    return Calls.attentionScratchBytes(attentionGradScratchBytes, rows, headDim, valueDim);
  }

  /** Moves mapped memory that nobody writes into large pages; false if the system won't. */
  boolean moveToLargePages(MemorySegment mapped) {
    return Calls.largePages(moveToLargePages, mapped) == 0;
  }

  /** {@code quern_fetch}, for {@link Ahead}. */
  MemorySegment fetch() {
    return fetch;
  }

  /** Asks for large pages, best before memory is touched; whether the system agreed. */
  boolean largePages(MemorySegment memory) {
    return Calls.largePages(largePages, memory) == 0;
  }

  /** Scratch of one slice of a packed product of depth k. */
  long productScratchBytes(long k) {
    return Calls.scratchBytes(scratchBytes, k);
  }
}
