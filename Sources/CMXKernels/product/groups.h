// One group of a panel as an operand of this instruction set's tile.
#ifndef TJ_GROUPS_H
#define TJ_GROUPS_H

#include "quantize/formats.h"

/// Neighbouring elements of a lane that one instruction multiplies.
#ifndef TJ_GROUP_STEP
  #define TJ_GROUP_STEP 4
#endif

/// The left one: signed bytes in units of the format's smallest step.
typedef struct {
  int8_t codes[TJ_GROUP / TJ_GROUP_STEP][TJ_LANES][TJ_GROUP_STEP]; // [element / step][lane][element % step]
  int32_t start[TJ_LANES]; // what the integer sum of a lane starts with
  float unit[TJ_LANES];    // what is then taken off, or multiplied with where the panel is huge
} left_group;

/// The right one: bytes, signed or with an offset, and scales in units.
typedef struct {
  uint8_t codes[TJ_GROUP / TJ_GROUP_STEP][TJ_LANES][TJ_GROUP_STEP];
  float unit[TJ_LANES];
} right_group;

#endif
