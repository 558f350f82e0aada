/* What stands for libcuda and libnvrtc in tests of the calls that go through FFM: each function takes what its header says, and
   leaves what it got where the test can read it. Where there is a CUDA toolkit, its header is held against the declarations here. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
  void *stream;
  void *attributes;
  unsigned attribute_count;
} launch_config;

#if defined(__has_include)
#if __has_include(<cuda.h>)
#include <cuda.h>
#define SAME(ours, theirs) \
  _Static_assert(offsetof(launch_config, ours) == offsetof(CUlaunchConfig, theirs), "the layout of CUlaunchConfig")
SAME(grid_x, gridDimX);
SAME(grid_z, gridDimZ);
SAME(block_x, blockDimX);
SAME(block_z, blockDimZ);
SAME(shared_bytes, sharedMemBytes);
SAME(stream, hStream);
SAME(attributes, attrs);
SAME(attribute_count, numAttrs);
_Static_assert(sizeof(launch_config) == sizeof(CUlaunchConfig), "the size of CUlaunchConfig");
_Static_assert(sizeof(CUtensorMap) == 128 && 128 % _Alignof(CUtensorMap) == 0, "CUtensorMap");
_Static_assert(CU_TENSOR_MAP_DATA_TYPE_UINT8 == 0 && CU_TENSOR_MAP_DATA_TYPE_FLOAT16 == 6, "element types");
_Static_assert(CU_TENSOR_MAP_DATA_TYPE_FLOAT32 == 7 && CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 == 9, "element types");
_Static_assert(CU_TENSOR_MAP_SWIZZLE_128B == 3 && CU_TENSOR_MAP_L2_PROMOTION_L2_128B == 2, "TMA settings");
#endif
#endif

char quern_stub_said[4096];

int stub_launch(const launch_config *c, void *function, void **params, void **extra) __asm__("cuLaunchKernelEx");
int stub_launch(const launch_config *c, void *function, void **params, void **extra) {
  int first;
  memcpy(&first, params[0], sizeof first);
  snprintf(quern_stub_said, sizeof quern_stub_said, "grid %u %u %u block %u %u %u shared %u stream %llx attributes %p %u function %llx first %d extra %p",
           c->grid_x, c->grid_y, c->grid_z, c->block_x, c->block_y, c->block_z, c->shared_bytes,
           (unsigned long long)(uintptr_t)c->stream, c->attributes, c->attribute_count,
           (unsigned long long)(uintptr_t)function, first, (void *)extra);
  return first == 13 ? 1 : 0;
}

int stub_encode(void *map, int type, uint32_t rank, void *address, const uint64_t *extents, const uint64_t *strides,
                const uint32_t *box, const uint32_t *steps, int interleave, int swizzle, int promotion, int fill) __asm__("cuTensorMapEncodeTiled");
int stub_encode(void *map, int type, uint32_t rank, void *address, const uint64_t *extents, const uint64_t *strides,
                const uint32_t *box, const uint32_t *steps, int interleave, int swizzle, int promotion, int fill) {
  memset(map, 0x5a, 128);
  snprintf(quern_stub_said, sizeof quern_stub_said,
           "type %d rank %u address %llx extents %llu %llu stride %llu box %u %u steps %u %u interleave %d swizzle %d promotion %d fill %d aligned %d",
           type, rank, (unsigned long long)(uintptr_t)address, (unsigned long long)extents[0], (unsigned long long)extents[1],
           (unsigned long long)strides[0], box[0], box[1], steps[0], steps[1], interleave, swizzle, promotion, fill,
           (int)((uintptr_t)map % 128 == 0));
  return 0;
}

typedef struct {
  char text[1024];
  int wrong;
} program;

int nvrtcVersion(int *major, int *minor) {
  *major = 12;
  *minor = 6;
  return 0;
}

int nvrtcCreateProgram(program **p, const char *source, const char *name, int headers, const char *const *texts,
                       const char *const *names) {
  *p = calloc(1, sizeof **p);
  (*p)->wrong = strstr(source, "#error") != NULL;
  int n = snprintf((*p)->text, sizeof (*p)->text, "%s: %s", name, source);
  for (int i = 0; i < headers; i++) {
    n += snprintf((*p)->text + n, sizeof (*p)->text - n, " | %s: %s", names[i], texts[i]);
  }
  return 0;
}

int nvrtcCompileProgram(program *p, int count, const char *const *options) {
  size_t n = strlen(p->text);
  for (int i = 0; i < count; i++) {
    n += snprintf(p->text + n, sizeof p->text - n, " | %s", options[i]);
  }
  return p->wrong ? 6 : 0;
}

int nvrtcGetProgramLogSize(program *p, size_t *size) {
  *size = sizeof "line 1: an error";
  return p == NULL;
}

int nvrtcGetProgramLog(program *p, char *log) {
  memcpy(log, "line 1: an error", sizeof "line 1: an error");
  return p == NULL;
}

int nvrtcGetCUBINSize(program *p, size_t *size) {
  *size = strlen(p->text);
  return 0;
}

int nvrtcGetCUBIN(program *p, char *cubin) {
  memcpy(cubin, p->text, strlen(p->text));
  return 0;
}

int nvrtcDestroyProgram(program **p) {
  free(*p);
  *p = NULL;
  return 0;
}
