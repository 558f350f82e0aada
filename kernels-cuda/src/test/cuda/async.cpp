// What async.hpp says.
#include "emulation.hpp"
#include <deque>
#include <vector>

namespace emulation {
namespace {
constexpr int NAMED = 16;
constexpr int GROUP_WARPS = 4;

struct Barrier {  // in shared memory, in the place of the device's own form
  uint16_t arrivals, pending;
  uint32_t phase : 1;
  int32_t bytes : 31;
};
static_assert(sizeof(Barrier) == 8, "a barrier has 8 bytes");

struct Copy {
  TensorMap map;
  int at[5];
  uint32_t block;  // of the cluster: whose shared memory it is
  unsigned char* shared;
  Barrier* barrier;
};
struct Issued {
  Product product;
  int lanes, group;
  float* d[WARP];
  const uint32_t* a[WARP];  // if it is in registers
};
struct Lane {
  std::vector<Copy> uncommitted;
  std::deque<std::vector<Copy>> groups;  // of copies out of shared memory
  bool fenced, peersFenced, multiplyFenced;
  int issued, committed;
};
struct WarpProducts {
  std::deque<Issued> queue;
  int first;  // number of the queue's first
};
struct Named {
  int arrived, threads;
  unsigned turn;
  bool fenced, allFenced;
};

std::vector<Lane> lanes;
std::vector<WarpProducts> products;
std::deque<Copy> copies;  // into shared memory
Named named[MOST_BLOCKS][NAMED];
Named cluster;  // its barrier of all threads
bool eagerCopies, newestFirst;
bool used;  // whether this block did any of this, which most kernels don't

Lane& me() {
  used = true;
  return lanes[static_cast<size_t>(currentThread())];
}
Barrier* of(const uint64_t* word) { return reinterpret_cast<Barrier*>(const_cast<uint64_t*>(word)); }

bool made(const Barrier* b) {
  if (b->arrivals != 0 && b->arrivals != 0xffff) return true;
  complain("uses a barrier that was not made");
  return false;
}
void turn(Barrier* b) {
  if (b->pending != 0 || b->bytes != 0) return;
  b->phase ^= 1;
  b->pending = b->arrivals;
}
void arrive(Barrier* b) {
  if (!made(b)) return;
  if (b->pending == 0) {
    complain("arrives at a barrier more often than its phase has arrivals");
    return;
  }
  b->pending--;
  turn(b);
}

// 128-byte swizzle: the 16-byte piece of an address changes with the 128-byte row that it is in.
uint32_t swizzled(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }

size_t sizeOf(const TensorMap& m) { return m.type == 0 ? 1 : m.type == 7 ? 4 : 2; }
size_t boxBytes(const TensorMap& m) {
  size_t n = sizeOf(m);
  for (int i = 0; i < m.rank; i++) n *= m.box[i];
  return n;
}
const char* unusable(const Copy& c, int rank) {
  if (c.map.mark != TENSOR_MAP) return "copies by what is no tensor map";
  if (c.map.rank != rank) return "copies by a tensor map of another rank";
  if (c.map.swizzle != 0 && c.map.swizzle != 3) return "copies with a swizzle that is not emulated";
  if ((c.shared - sharedOf(c.block)) % (c.map.swizzle == 3 ? 1024 : 128) != 0) return "copies to or from shared memory that is not aligned";
  return nullptr;
}
// Between shared memory and the tensor, 16 bytes at a time; what lies outside the tensor is read as 0 and never written.
void make(const Copy& c, bool in) {
  const TensorMap& m = c.map;
  size_t size = sizeOf(m), inner = m.box[0] * size, rows = boxBytes(m) / inner;
  for (size_t row = 0; row < rows; row++) {
    size_t rest = row;
    bool inside = true;
    uint64_t from = m.address;
    for (int a = 1; a < m.rank; a++) {
      int64_t i = c.at[a] + static_cast<int64_t>(rest % m.box[a]);
      rest /= m.box[a];
      inside = inside && i >= 0 && i < static_cast<int64_t>(m.extents[a]);
      from += static_cast<uint64_t>(i) * m.strides[a - 1];
    }
    for (size_t b = 0; b < inner; b += size) {
      int64_t i = c.at[0] + static_cast<int64_t>(b / size);
      bool there = inside && i >= 0 && i < static_cast<int64_t>(m.extents[0]);
      uint32_t at = static_cast<uint32_t>(c.shared - sharedOf(c.block)) + static_cast<uint32_t>(row * inner + b);
      unsigned char* shared = sharedOf(c.block) + (m.swizzle == 3 ? swizzled(at) : at);
      auto global = reinterpret_cast<unsigned char*>(from + static_cast<uint64_t>(i) * size);
      if (in && there) std::memcpy(shared, global, size);
      if (in && !there) std::memset(shared, 0, size);
      if (!in && there) std::memcpy(global, shared, size);
    }
  }
}
void finish(const Copy& c) {
  if (!runs(c.block)) return complain("copies into a block of its cluster that has ended");
  if (!made(c.barrier)) return;
  make(c, true);
  c.barrier->bytes -= static_cast<int32_t>(boxBytes(c.map));
  turn(c.barrier);
}

// A descriptor's matrix: rows of 64 elements of k (K-major) or of 64 rows of one k (MN-major), both 128 bytes.
struct Operand {
  uint32_t start, leading, stride;
  bool transposed;
  int bytes;
  const unsigned char* at(int row, int k) const {
    uint32_t address = transposed ? start + row / 64 * leading + row % 64 * bytes + k / 8 * stride + k % 8 * 128
                                  : start + row / 8 * stride + row % 8 * 128 + k * bytes;
    return sharedBase() + swizzled(address);
  }
};
Operand operand(uint64_t descriptor, bool transposed, int bytes) {
  if (descriptor >> 62 != 1) complain("multiplies by a descriptor without 128-byte swizzle");
  if (descriptor >> 49 & 7) complain("multiplies by a descriptor with a base offset");
  return {static_cast<uint32_t>(descriptor & 0x3fff) << 4, static_cast<uint32_t>(descriptor >> 16 & 0x3fff) << 4,
          static_cast<uint32_t>(descriptor >> 32 & 0x3fff) << 4, transposed, bytes};
}
void compute(const Issued& i, int warp) {
  const Product& p = i.product;
  static float a[16][32], b[256][32];
  bool held = p.registers != nullptr;
  Operand left = held ? Operand{} : operand(p.a, p.aTransposed, p.bytes), right = operand(p.b, p.bTransposed, p.bytes);
  for (int k = 0; k < p.k; k++) {
    for (int r = 0; r < 16; r++) {
      auto words = reinterpret_cast<const unsigned char*>(held ? i.a[r % 8 * 4 + k % 8 / 2] : nullptr);
      a[r][k] = p.widen(held ? words + 4 * (r / 8 + k / 8 * 2) + k % 2 * 2 : left.at(warp * 16 + r, k));
    }
    for (int c = 0; c < p.n; c++) b[c][k] = p.widen(right.at(c, k));
  }
  for (int lane = 0; lane < WARP; lane++) {
    for (int e = 0; e < p.n / 2; e++) {
      const float* row = a[lane / 4 + e / 2 % 2 * 8];
      const float* column = b[e / 4 * 8 + lane % 4 * 2 + e % 2];
      float sum = p.accumulate ? i.d[lane][e] : 0.0f;
      for (int k = 0; k < p.k; k++) sum += row[k] * column[k];
      i.d[lane][e] = sum;
    }
  }
}
}  // namespace

uint32_t sharedAddress(const void* p) { return static_cast<uint32_t>(static_cast<const unsigned char*>(p) - sharedBase()); }

void barrierInit(uint64_t* barrier, uint32_t arrivals) {
  *of(barrier) = {static_cast<uint16_t>(arrivals), static_cast<uint16_t>(arrivals), 0, 0};
}
void barrierArrive(uint64_t* barrier) { arrive(of(barrier)); }
void barrierArriveExpecting(uint64_t* barrier, uint32_t bytes) {
  of(barrier)->bytes += static_cast<int32_t>(bytes);
  arrive(of(barrier));
}
void barrierWait(const uint64_t* barrier, uint32_t parity) {
  if (!made(of(barrier))) return;
  waitUntil([](const void* b, uint32_t p) { return of(static_cast<const uint64_t*>(b))->phase != p; }, barrier, parity);
}

void barrierArriveAt(const uint64_t* barrier, uint32_t rank) {
  if (rank >= clusterBlocks()) return complain("arrives at a block that its cluster doesn't have");
  if (!runs(rank)) return complain("arrives at a block of its cluster that has ended");
  arrive(reinterpret_cast<Barrier*>(sharedOf(rank) + sharedAddress(barrier)));
}
void clusterSync() {
  used = true;
  unsigned turn = cluster.turn;
  if (++cluster.arrived == static_cast<int>(blockExtent.x * clusterBlocks())) {
    cluster.arrived = 0;
    cluster.turn++;
    return;
  }
  waitUntil([](const void* b, uint32_t t) { return static_cast<const Named*>(b)->turn != t; }, &cluster, turn);
}

void arriveNamed(int id, int threads) {
  Named& n = named[clusterRank()][id];
  if (n.arrived == 0) n.threads = threads, n.fenced = true;
  if (n.threads != threads || threads % WARP != 0) complain("threads disagree about how many meet at a named barrier");
  n.fenced = n.fenced && me().fenced;
  me().fenced = false;
  if (++n.arrived < n.threads) return;
  n.arrived = 0;
  n.allFenced = n.fenced;
  n.turn++;
}
void syncNamed(int id, int threads) {
  Named& n = named[clusterRank()][id];
  unsigned turn = n.turn;
  arriveNamed(id, threads);
  if (n.turn == turn) {
    waitUntil([](const void* b, uint32_t t) { return static_cast<const Named*>(b)->turn != t; }, &n, turn);
  }
  me().peersFenced = n.allFenced;
}

static Copy copyOf(const void* map, const int* at, int rank, const void* shared) {
  Copy c = {};
  used = true;
  std::memcpy(&c.map, map, sizeof c.map);
  for (int i = 0; i < rank; i++) c.at[i] = at[i];
  c.block = clusterRank();
  c.shared = static_cast<unsigned char*>(const_cast<void*>(shared));
  return c;
}
void copyIn(void* to, const void* map, const int* at, int rank, uint64_t* barrier, uint32_t ranks) {
  Copy c = copyOf(map, at, rank, to);
  if (const char* why = unusable(c, rank)) return complain(why);
  if (ranks >> clusterBlocks() != 0) return complain("copies into a block that its cluster doesn't have");
  for (uint32_t block = 0; block < clusterBlocks(); block++) {
    if (!(ranks == 0 ? block == clusterRank() : ranks >> block & 1)) continue;
    c.block = block;
    c.shared = sharedOf(block) + sharedAddress(to);
    c.barrier = reinterpret_cast<Barrier*>(sharedOf(block) + sharedAddress(barrier));
    if (!made(c.barrier)) return;
    if (eagerCopies) {
      finish(c);
    } else {
      copies.push_back(c);
    }
  }
}
void copyOut(const void* map, const void* from, const int* at, int rank) {
  Copy c = copyOf(map, at, rank, from);
  if (const char* why = unusable(c, rank)) return complain(why);
  if (!me().peersFenced) return complain("copies out what its writers have not shown to copies by a fence");
  me().uncommitted.push_back(c);
}
void copyOutCommit() {
  me().groups.push_back(std::move(me().uncommitted));
  me().uncommitted.clear();
}
void copyOutWait(int pending) {
  auto& groups = me().groups;
  while (static_cast<int>(groups.size()) > pending) {
    for (const Copy& c : groups.front()) make(c, false);
    groups.pop_front();
  }
}
void fenceProxy() { me().fenced = true; }

void multiply(float* d, const Product& p) {
  Lane& lane = me();
  if (!lane.multiplyFenced) return complain("multiplies without wgmma.fence after its registers were in use");
  WarpProducts& w = products[static_cast<size_t>(currentThread()) / WARP];
  size_t index = static_cast<size_t>(lane.issued++ - w.first);
  if (index == w.queue.size()) w.queue.push_back({p, 0, -1, {}, {}});
  Issued& i = w.queue[index];
  if (std::memcmp(&i.product.a, &p.a, 2 * sizeof(uint64_t)) != 0 || i.product.accumulate != p.accumulate) {
    return complain("lanes of a warp disagree about a product");
  }
  i.d[threadIndex.x % WARP] = d;
  i.a[threadIndex.x % WARP] = p.registers;
  i.lanes++;
}
void multiplyFence() { me().multiplyFenced = true; }
void multiplyCommit() {
  Lane& lane = me();
  WarpProducts& w = products[static_cast<size_t>(currentThread()) / WARP];
  for (int i = w.first; i < lane.issued; i++) {
    int& group = w.queue[static_cast<size_t>(i - w.first)].group;
    if (group < 0) group = lane.committed;
  }
  lane.committed++;
}
void multiplyWait(int pending) {
  syncWarp(0xffffffffu);  // all lanes have issued the same
  Lane& lane = me();
  lane.multiplyFenced = false;
  WarpProducts& w = products[static_cast<size_t>(currentThread()) / WARP];
  while (!w.queue.empty() && w.queue.front().group >= 0 && w.queue.front().group < lane.committed - pending) {
    const Issued& i = w.queue.front();
    if (i.lanes != WARP) return complain("multiplies with only some lanes of a warp");
    compute(i, static_cast<int>(threadIndex.x) / WARP % GROUP_WARPS);
    w.queue.pop_front();
    w.first++;
  }
}

void asyncBegin(bool eager, bool newest) {
  eagerCopies = eager;
  newestFirst = newest;
  if (!used && !lanes.empty()) return;
  lanes.assign(MAX_THREADS, Lane{});
  products.assign(MAX_THREADS / WARP, WarpProducts{});
  copies.clear();
  std::memset(named, 0, sizeof named);
  cluster = {};
  used = false;
}
bool asyncStep() {
  if (copies.empty()) return false;
  finish(newestFirst ? copies.back() : copies.front());
  if (newestFirst) {
    copies.pop_back();
  } else {
    copies.pop_front();
  }
  return true;
}
void asyncLeave(int thread) {
  if (!used) return;
  Lane& lane = lanes[static_cast<size_t>(thread)];
  if (!lane.uncommitted.empty() || !lane.groups.empty()) complain("a thread ends before its copies have read shared memory");
}
const char* asyncEnd() {
  if (!copies.empty()) return "ends while copies into its shared memory are under way";
  for (const auto& block : named) {
    for (const Named& n : block) {
      if (n.arrived != 0) return "ends while threads are awaited at a named barrier";
    }
  }
  for (const WarpProducts& w : products) {
    if (!w.queue.empty()) return "ends while products are under way";
  }
  return nullptr;
}
}  // namespace emulation
