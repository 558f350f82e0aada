/* What stands for libcuda, libnvrtc and libcublasLt in tests of the calls that go through FFM: each function takes what its header says, and
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

/* cuBLASLt: products on the host's memory, of matrices that are columns one after another. The latest product leaves what it was told. */
typedef struct {
  int compute, scale, transposed[2], epilogue;
  const void *bias;
} lt_desc;

typedef struct {
  int type;
  uint64_t rows, columns;
  int64_t leading, offset;
  int batches;
} lt_layout;

typedef struct {
  uint64_t algorithm[8];
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
} lt_result;

typedef struct {
  uint64_t workspace;
  uint32_t alignments[4];
} lt_preference;

int quern_stub_lt_alive;   /* descriptions that nobody has destroyed */
int quern_stub_lt_handles; /* and handles */

int cublasLtCreate(void **handle) {
  *handle = (void *)0x17;
  quern_stub_lt_handles++;
  return 0;
}

int cublasLtDestroy(void *handle) {
  quern_stub_lt_handles--;
  return handle == (void *)0x17 ? 0 : 7;
}

int cublasLtMatmulDescCreate(lt_desc **d, int compute, int scale) {
  *d = calloc(1, sizeof **d);
  (*d)->compute = compute;
  (*d)->scale = scale;
  (*d)->epilogue = 1;
  quern_stub_lt_alive++;
  return compute == 68 && scale == 0 ? 0 : 7;
}

int cublasLtMatmulDescSetAttribute(lt_desc *d, int attribute, const void *value, size_t bytes) {
  if (attribute == 8) {
    memcpy(&d->bias, value, sizeof d->bias);
    return bytes == 8 ? 0 : 7;
  }
  int *into = attribute == 3 ? &d->transposed[0] : attribute == 4 ? &d->transposed[1] : attribute == 7 ? &d->epilogue : NULL;
  if (into == NULL || bytes != 4) return 7;
  memcpy(into, value, 4);
  return 0;
}

int cublasLtMatmulDescDestroy(lt_desc *d) {
  free(d);
  quern_stub_lt_alive--;
  return 0;
}

int cublasLtMatrixLayoutCreate(lt_layout **l, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  *l = calloc(1, sizeof **l);
  **l = (lt_layout){type, rows, columns, leading, 0, 1};
  quern_stub_lt_alive++;
  return leading >= (int64_t)rows ? 0 : 7;
}

int cublasLtMatrixLayoutSetAttribute(lt_layout *l, int attribute, const void *value, size_t bytes) {
  if (attribute == 5 && bytes == 4) memcpy(&l->batches, value, 4);
  else if (attribute == 6 && bytes == 8) memcpy(&l->offset, value, 8);
  else return 7;
  return 0;
}

int cublasLtMatrixLayoutDestroy(lt_layout *l) {
  free(l);
  quern_stub_lt_alive--;
  return 0;
}

int cublasLtMatmulPreferenceCreate(lt_preference **p) {
  *p = calloc(1, sizeof **p);
  quern_stub_lt_alive++;
  return 0;
}

int cublasLtMatmulPreferenceSetAttribute(lt_preference *p, int attribute, const void *value, size_t bytes) {
  if (attribute == 1 && bytes == 8) memcpy(&p->workspace, value, 8);
  else if (attribute >= 5 && attribute <= 8 && bytes == 4) memcpy(&p->alignments[attribute - 5], value, 4);
  else return 7;
  return 0;
}

int cublasLtMatmulPreferenceDestroy(lt_preference *p) {
  free(p);
  quern_stub_lt_alive--;
  return 0;
}

/* Two algorithms, and one that can't be used between them; none for 13 columns, and a refusal of 56. */
int cublasLtMatmulAlgoGetHeuristic(void *handle, lt_desc *d, lt_layout *a, lt_layout *b, lt_layout *c, lt_layout *e, lt_preference *p,
                                   int asked, lt_result *results, int *found) {
  (void)d, (void)b, (void)e;
  *found = c->rows == 13 ? 0 : 3;
  if (c->rows == 56) return 15; /* CUBLAS_STATUS_NOT_SUPPORTED */
  for (int i = 0; i < *found; i++) {
    results[i].algorithm[0] = 100 + i;
    results[i].workspace = p->workspace;
    results[i].status = i == 1 ? 15 : 0;
  }
  return handle == (void *)0x17 && asked >= 3 && p->alignments[3] == 16 && (c->type == 0 || a->type == c->type) ? 0 : 7;
}

static float lt_read(int type, const void *at, int64_t i) {
  if (type == 0) return ((const float *)at)[i];
  if (type == 2) return (float)((const _Float16 *)at)[i];
  uint32_t bits = (uint32_t)((const uint16_t *)at)[i] << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static void lt_write(int type, void *at, int64_t i, float f) {
  if (type == 0) {
    ((float *)at)[i] = f;
    return;
  }
  if (type == 2) {
    ((_Float16 *)at)[i] = (_Float16)f;
    return;
  }
  uint32_t bits;
  memcpy(&bits, &f, 4);
  ((uint16_t *)at)[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

int cublasLtMatmul(void *handle, lt_desc *d, const float *alpha, const void *a, lt_layout *la, const void *b, lt_layout *lb,
                   const float *beta, const void *c, lt_layout *lc, void *e, lt_layout *le, const uint64_t *algorithm, void *workspace,
                   size_t workspace_bytes, void *stream) {
  if (handle != (void *)0x17 || c != e || lc != le || *alpha != 1 || *beta != 0 || workspace == NULL || workspace_bytes != 32 << 20) return 7;
  snprintf(quern_stub_said, sizeof quern_stub_said, "algorithm %d stream %llx", (int)algorithm[0], (unsigned long long)(uintptr_t)stream);
  uint64_t k = d->transposed[0] ? la->rows : la->columns;
  if (k != (d->transposed[1] ? lb->columns : lb->rows)) return 7;
  for (int batch = 0; batch < lc->batches; batch++) {
    for (uint64_t i = 0; i < lc->rows; i++) {
      for (uint64_t j = 0; j < lc->columns; j++) {
        float sum = d->epilogue == 4 ? lt_read(lc->type, d->bias, i) : 0;
        for (uint64_t x = 0; x < k; x++) {
          sum += lt_read(la->type, a, batch * la->offset + (int64_t)(d->transposed[0] ? x + i * la->leading : i + x * la->leading)) *
                 lt_read(lb->type, b, batch * lb->offset + (int64_t)(d->transposed[1] ? j + x * lb->leading : x + j * lb->leading));
        }
        lt_write(lc->type, e, batch * lc->offset + (int64_t)(i + j * lc->leading), sum);
      }
    }
  }
  return 0;
}
