// A library as -ffast-math makes them: loading it changes how its process computes. FLOAT_MODE: flush, zero or down.
#include <fenv.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

__attribute__((constructor)) static void change(void) {
  const char* mode = getenv("FLOAT_MODE");
  if (mode == NULL) return;
  if (strcmp(mode, "down") == 0) fesetround(FE_DOWNWARD);
#ifdef __SSE2__
  if (strcmp(mode, "flush") == 0) _mm_setcsr(_mm_getcsr() | 0x8000);
  if (strcmp(mode, "zero") == 0) _mm_setcsr(_mm_getcsr() | 0x0040);
#endif
}
