// Whatever every processor of the architecture has: SSE2 on x86-64, NEON on Arm. A vector is four
// registers.
#define TJ_ISA portable
#define TJ_AVAILABLE 1
#include "kernels_body.h"
