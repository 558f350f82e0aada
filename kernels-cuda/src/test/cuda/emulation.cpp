// The scheduler of emulation.hpp, its late copies, and what the Java driver calls.
#include "emulation.hpp"
#include <sys/mman.h>
#include <cstdio>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulation {
uint3 threadIndex, blockIndex, blockExtent, gridExtent;
unsigned char* dynamicShared;

namespace {
constexpr size_t STACK_BYTES = 128 * 1024;
constexpr size_t SHARED_BYTES = 228 * 1024;
constexpr size_t SHARED_START = 128;  // no kernel may count on more alignment than it asks for

enum State { NEW, READY, AT_BLOCK, AT_WARP, WAITING, DONE };

#if defined(__x86_64__)
// Saves what a call must keep, and its place, and goes on where another context was saved.
extern "C" void quern_emulation_switch(void** save, void* to);
asm(R"(
  .text
  .globl quern_emulation_switch
  .type quern_emulation_switch, @function
quern_emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size quern_emulation_switch, .-quern_emulation_switch
)");
using Context = void*;
void swapTo(Context& save, Context& to) { quern_emulation_switch(&save, to); }
void begin(Context& c, unsigned char* stack, void (*run)()) {
  auto top = reinterpret_cast<uint64_t*>(stack + STACK_BYTES);
  *--top = 0;  // where run would return to; it never does
  *--top = reinterpret_cast<uint64_t>(run);
  for (int i = 0; i < 6; i++) *--top = 0;
  c = top;
}
#else
using Context = ucontext_t;
void swapTo(Context& save, Context& to) { swapcontext(&save, &to); }
void begin(Context& c, unsigned char* stack, void (*run)()) {
  getcontext(&c);
  c.uc_stack.ss_sp = stack;
  c.uc_stack.ss_size = STACK_BYTES;
  c.uc_link = nullptr;
  makecontext(&c, run, 0);
}
#endif

struct Copy {
  void* to;
  const void* from;
  int bytes;
  bool present;
};
struct Thread {
  State state;
  unsigned mask;    // of the lanes it waits for
  int turn;         // how many exchanges it had
  int stack;        // index of its stack
  bool (*ready)(const void*, uint32_t);  // what it waits for, if WAITING
  const void* readyAt;
  uint32_t readyValue;
  Context context;
  std::vector<Copy> copies;    // not made yet
  std::vector<size_t> groups;  // where each group of them ends
};
struct Warp {
  unsigned arrived;
  Slots slots[2];
  Slots combined[2];
};

Entry* entries;
Thread threads[MAX_THREADS];
Warp warps[MAX_THREADS / WARP];
std::vector<unsigned char*> stacks;
std::vector<int> freeStacks;
Context scheduler;
const Entry* kernel;
const void* arguments;
int count, current;  // threads of a block; the running one, of its cluster
int blocks;          // of the cluster
int atBlock[MOST_BLOCKS], alive[MOST_BLOCKS];
uint3 firstBlock;  // of the cluster
bool copiesAtOnce;
char message[512];
const char* complaint;
alignas(1024) unsigned char shared[MOST_BLOCKS][SHARED_BYTES];
static_assert(SHARED_BYTES % 1024 == 0, "each block's shared memory is aligned");

void leave() { swapTo(threads[current].context, scheduler); }

void releaseBlock(int block) {
  if (atBlock[block] < alive[block] || atBlock[block] == 0) return;
  atBlock[block] = 0;
  for (int i = block * count; i < (block + 1) * count; i++) {
    if (threads[i].state == AT_BLOCK) threads[i].state = READY;
  }
}

void runThread() {
  kernel->body(arguments);
  Thread& t = threads[current];
  asyncLeave(current);
  t.state = DONE;
  int block = current / count;
  alive[block]--;
  freeStacks.push_back(t.stack);
  releaseBlock(block);
  leave();
}

int takeStack() {
  if (freeStacks.empty()) {
    void* s = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stacks.push_back(static_cast<unsigned char*>(s));
    return static_cast<int>(stacks.size()) - 1;
  }
  int s = freeStacks.back();
  freeStacks.pop_back();
  return s;
}

// What a thread sees of itself.
void become(int thread) {
  unsigned block = static_cast<unsigned>(thread / count);
  current = thread;
  threadIndex = {static_cast<unsigned>(thread % count), 0, 0};
  blockIndex = {firstBlock.x + block, firstBlock.y, firstBlock.z};
  dynamicShared = shared[block] + SHARED_START;
}

// Runs the threads of a cluster's blocks until all have ended, each warp as far as it can go before the next; false if some wait for what never comes.
bool runCluster(bool backwards) {
  int all = count * blocks, left = all;
  for (int b = 0; b < blocks; b++) {
    alive[b] = count;
    atBlock[b] = 0;
  }
  for (int i = 0; i < all; i++) {
    threads[i].state = NEW;
    threads[i].turn = 0;
    threads[i].copies.clear();
    threads[i].groups.clear();
  }
  for (int w = 0; w * WARP < all; w++) warps[w].arrived = 0;
  while (left > 0) {
    bool moved = false;
    bool again = false;  // whether a thread of the warp went on
    for (int k = 0; k < all; k++) {
      int i = backwards ? all - 1 - k : k;
      bool lastOfWarp = k % WARP == WARP - 1 || k == all - 1;
      if (k % WARP == 0) again = false;
      Thread& t = threads[i];
      if (t.state == WAITING && t.ready(t.readyAt, t.readyValue)) t.state = READY;
      if (t.state != NEW && t.state != READY) {
        if (again && lastOfWarp) k = k / WARP * WARP - 1;  // as far as it can go
        continue;
      }
      again = true;
      become(i);
      if (t.state == NEW) {
        t.stack = takeStack();
        begin(t.context, stacks[t.stack], runThread);
      }
      t.state = READY;
      moved = true;
      swapTo(scheduler, t.context);
      if (t.state == DONE) left--;
      if (complaint != nullptr) return false;
      if (lastOfWarp) k = k / WARP * WARP - 1;
    }
    if (!moved && !asyncStep()) return false;
  }
  return true;
}
}  // namespace

Entry::Entry(const char* name, size_t paramsSize, int maxThreads, int blocks, void (*body)(const void*))
    : name(name), paramsSize(paramsSize), maxThreads(maxThreads), blocks(blocks), body(body), next(entries) {
  entries = this;
}

void syncBlock() {
  int block = current / count;
  threads[current].state = AT_BLOCK;
  atBlock[block]++;
  releaseBlock(block);
  if (threads[current].state == AT_BLOCK) leave();
}

void waitUntil(bool (*ready)(const void*, uint32_t), const void* at, uint32_t value) {
  Thread& t = threads[current];
  if (complaint == nullptr && ready(at, value)) return;
  t.ready = ready;
  t.readyAt = at;
  t.readyValue = value;
  t.state = WAITING;
  leave();
}

void complain(const char* what) {
  if (complaint == nullptr) complaint = what;
}

unsigned char* sharedOf(uint32_t block) { return shared[block]; }
unsigned char* sharedBase() { return shared[current / count]; }
int currentThread() { return current; }
uint32_t clusterRank() { return static_cast<uint32_t>(current / count); }
uint32_t clusterBlocks() { return static_cast<uint32_t>(blocks); }
bool runs(uint32_t block) { return alive[block] > 0; }

void syncWarp(unsigned mask) {
  int me = current;
  Warp& w = warps[me / WARP];
  w.arrived |= 1u << (me % WARP);
  if ((w.arrived & mask) == mask) {
    w.arrived &= ~mask;
    for (int i = 0; i < WARP; i++) {
      if (mask >> i & 1) threads[me / WARP * WARP + i].state = READY;
    }
    return;
  }
  threads[me].state = AT_WARP;
  leave();
}

const uint64_t (*exchange(unsigned mask, const uint64_t* mine, int words))[WORDS] {
  Thread& t = threads[current];
  auto& slots = warps[current / WARP].slots[t.turn++ & 1];
  std::memcpy(slots[current % WARP], mine, sizeof(uint64_t) * static_cast<size_t>(words));
  syncWarp(mask);
  return slots;
}

const uint64_t (*combine(const uint64_t* mine, int words, void (*together)(const Slots& in, Slots& out)))[WORDS] {
  Thread& t = threads[current];
  int turn = t.turn++ & 1;
  Warp& w = warps[current / WARP];
  std::memcpy(w.slots[turn][current % WARP], mine, sizeof(uint64_t) * static_cast<size_t>(words));
  if ((w.arrived | 1u << (current % WARP)) == 0xffffffffu) together(w.slots[turn], w.combined[turn]);  // the last one
  syncWarp(0xffffffffu);
  return w.combined[turn];
}

static void make(const Copy& c) {
  if (c.present) {
    std::memcpy(c.to, c.from, static_cast<size_t>(c.bytes));
  } else {
    std::memset(c.to, 0, static_cast<size_t>(c.bytes));
  }
}
void copyLater(void* to, const void* from, int bytes, bool present) {
  requireAligned(to, static_cast<size_t>(bytes));
  if (present) requireAligned(from, static_cast<size_t>(bytes));
  Copy c{to, from, bytes, present};
  if (copiesAtOnce) return make(c);
  threads[current].copies.push_back(c);
}
void commitCopies() {
  Thread& t = threads[current];
  t.groups.push_back(t.copies.size());
}
void waitForCopies(int left) {
  Thread& t = threads[current];
  if (t.groups.size() <= static_cast<size_t>(left)) return;
  size_t waited = t.groups.size() - static_cast<size_t>(left), end = t.groups[waited - 1];
  for (size_t i = 0; i < end; i++) make(t.copies[i]);
  t.copies.erase(t.copies.begin(), t.copies.begin() + static_cast<ptrdiff_t>(end));
  t.groups.erase(t.groups.begin(), t.groups.begin() + static_cast<ptrdiff_t>(waited));
  for (size_t& g : t.groups) g -= end;
}

static int fail(const char* what) {
  std::snprintf(message, sizeof message, "%s: %s", kernel == nullptr ? "launch" : kernel->name, what);
  return 1;
}
}  // namespace emulation

using namespace emulation;

extern "C" {
// The kernel of a name, or null.
const void* quern_emulation_find(const char* name) {
  for (Entry* e = entries; e != nullptr; e = e->next) {
    if (std::strcmp(e->name, name) == 0) return e;
  }
  return nullptr;
}
int64_t quern_emulation_params(const void* found) { return static_cast<const Entry*>(found)->paramsSize; }
const char* quern_emulation_message() { return message; }

// Runs a grid; not 0 if something was wrong, which the message says.
int quern_emulation_launch(const void* found, int x, int y, int z, int threadCount, int sharedBytes, const void* params) {
  static unsigned turn = 0;
  kernel = static_cast<const Entry*>(found);
  arguments = params;
  count = threadCount;
  if (threadCount < 1 || threadCount > kernel->maxThreads) return fail("more threads than its launch bounds");
  if (sharedBytes < 0 || static_cast<size_t>(sharedBytes) > SHARED_BYTES - 1024) return fail("more shared memory than there is");
  if (x < 1 || y < 1 || z < 1 || y > 65535 || z > 65535) return fail("a grid that no device takes");
  blockExtent = {static_cast<unsigned>(threadCount), 1, 1};
  gridExtent = {static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z)};
  blocks = kernel->blocks;
  if (blocks > 1 && (x % blocks != 0 || threadCount % WARP != 0)) return fail("a grid without whole clusters");
  turn++;
  bool backwards = turn % 2 == 1, eager = turn / 2 % 2 == 1;
  copiesAtOnce = eager;
  complaint = nullptr;
  int64_t all = int64_t{x} * y * z;
  for (int64_t i = 0; i < all; i += blocks) {
    int64_t b = backwards ? all - blocks - i : i;
    firstBlock = {static_cast<unsigned>(b % x), static_cast<unsigned>(b / x % y), static_cast<unsigned>(b / x / y)};
    become(0);
    for (int c = 0; c < blocks; c++) std::memset(shared[c] + SHARED_START, 0xff, static_cast<size_t>(sharedBytes) + 256);
    asyncBegin(eager, backwards);
    bool ended = runCluster(backwards);
    if (complaint != nullptr) return fail(complaint);
    if (!ended) return fail("threads wait at a barrier or shuffle that others never reach");
    if (const char* left = asyncEnd()) return fail(left);
    for (int g = 0; g < 256 * blocks; g++) {
      if (shared[g / 256][SHARED_START + static_cast<size_t>(sharedBytes + g % 256)] != 0xff) {
        return fail("wrote behind its dynamic shared memory");
      }
    }
  }
  return 0;
}
}
