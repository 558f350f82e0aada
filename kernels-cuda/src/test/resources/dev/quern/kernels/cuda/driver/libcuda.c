/* A libcuda.so.1 for the test of JCuda's glue: what Quern calls, on the host's memory, at once. Names are those that JCuda's library
   asks for; whatever else it knows is bound lazily, and never called. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t address;

static int captured;
static int launched;

int cuInit(unsigned flags) { return flags == 0 ? 0 : 1; }
#ifdef QUERN_STUB_11 /* a driver of CUDA 11, which lacks what came with 12 */
int cuDriverGetVersion(int *version) { *version = 11040; return 0; }
#else
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
#endif
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int i) { *device = 10 + i; return i < 2 ? 0 : 101; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, device == 11 ? "Stub B" : "Stub A", size); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)device << 32; return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) { *value = 1000 * device + which; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)(uintptr_t)(0x1000 + device); return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { return device == 10 ? 0 : 1; }
int cuCtxSetCurrent(void *context) { return context == (void *)0x100a ? 0 : 201; }
int cuMemAlloc_v2(address *p, size_t bytes) {
  if (bytes > (1u << 30)) return 2;
  *p = (address)(uintptr_t)aligned_alloc(256, (bytes + 255) & ~(size_t)255);
  return 0;
}
int cuMemFree_v2(address p) { free((void *)(uintptr_t)p); return 0; }
int cuMemGetInfo_v2(size_t *unused, size_t *total) { *unused = 5; *total = 7; return 0; }
int cuMemHostAlloc(void **p, size_t bytes, unsigned flags) { *p = aligned_alloc(256, (bytes + 255) & ~(size_t)255); return flags == 3 ? 0 : 1; }
int cuMemFreeHost(void *p) { free(p); return 0; }
int cuStreamCreate(void **stream, unsigned flags) { *stream = (void *)0x57; return flags == 1 ? 0 : 1; }
int cuStreamSynchronize(void *stream) { return stream == (void *)0x57 ? 0 : 400; }
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return stream == (void *)0x57 && event == (void *)0xe7 && flags == 0 ? 0 : 400; }
int cuStreamDestroy_v2(void *stream) { return stream == (void *)0x57 ? 0 : 400; }
int cuEventCreate(void **event, unsigned flags) { *event = (void *)0xe7; return flags == 0 || flags == 2 ? 0 : 1; }
int cuEventRecord(void *event, void *stream) { return stream == (void *)0x57 && event == (void *)0xe7 ? 0 : 400; }
int cuEventSynchronize(void *event) { return event == (void *)0xe7 ? 0 : 400; }
int cuEventElapsedTime(float *millis, void *a, void *b) { *millis = 1.5f; return a == b ? 0 : 400; }
int cuEventDestroy_v2(void *event) { return event == (void *)0xe7 ? 0 : 400; }
int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, void *stream) { memcpy((void *)(uintptr_t)to, from, bytes); return stream == (void *)0x57 ? 0 : 400; }
int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, void *stream) { memcpy(to, (void *)(uintptr_t)from, bytes); return stream == (void *)0x57 ? 0 : 400; }
int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, void *stream) { memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes); return stream == (void *)0x57 ? 0 : 400; }
int cuMemsetD8Async(address p, unsigned char value, size_t n, void *stream) { memset((void *)(uintptr_t)p, value, n); return stream == (void *)0x57 ? 0 : 400; }
int cuModuleLoadData(void **module, const void *image) { *module = (void *)0x30d; return memcmp(image, "image", 5) == 0 ? 0 : 200; }
int cuModuleUnload(void *module) { return module == (void *)0x30d ? 0 : 400; }
int cuModuleGetFunction(void **function, void *module, const char *name) { *function = (void *)0xf00; return strcmp(name, "quern_k") == 0 && module == (void *)0x30d ? 0 : 500; }
int cuFuncGetAttribute(int *value, int which, void *function) { *value = 100 + which; return function == (void *)0xf00 ? 0 : 400; }
int cuFuncSetAttribute(void *function, int which, int value) { return function == (void *)0xf00 && which == 8 && value == 65536 ? 0 : 1; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int threads, size_t shared) { *blocks = threads + (int)shared; return function == (void *)0xf00 ? 0 : 400; }
int cuStreamBeginCapture_v2(void *stream, int mode) { captured = 1; return stream == (void *)0x57 && mode == 2 ? 0 : 1; }
int cuStreamEndCapture(void *stream, void **graph) { captured = 0; *graph = (void *)0x64a; return stream == (void *)0x57 ? 0 : 400; }
int cuGraphInstantiateWithFlags(void **executable, void *graph, unsigned long long flags) { *executable = (void *)0xec; return graph == (void *)0x64a && flags == 0 ? 0 : 400; }
int cuGraphDestroy(void *graph) { return graph == (void *)0x64a ? 0 : 400; }
int cuGraphLaunch(void *executable, void *stream) { launched += 100; return executable == (void *)0xec && stream == (void *)0x57 ? 0 : 400; }
int cuGraphExecDestroy(void *executable) { return executable == (void *)0xec ? 0 : 400; }

#ifndef QUERN_STUB_11
/* The struct's first field is the address of an int, which the kernel adds one to. */
int cuLaunchKernelEx(const void *config, void *function, void **params, void **extra) {
  void *stream;
  address p;
  memcpy(&stream, (const char *)config + 32, sizeof stream);
  memcpy(&p, params[0], sizeof p);
  if (!captured) {
    ++*(int *)(uintptr_t)p;
    launched++;
  }
  return stream == (void *)0x57 && function == (void *)0xf00 && extra == NULL ? 0 : 400;
}
int cuTensorMapEncodeTiled(void *map) { memset(map, 9, 128); return 0; }
#endif
