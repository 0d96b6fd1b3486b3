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
  int32_t start[TJ_LANES]; // what the integer sum of a lane starts with
  float unit[TJ_LANES];    // what is then taken off, or multiplied with where the panel is huge
  int8_t codes[][TJ_LANES][TJ_GROUP_STEP]; // [element / step][lane][element % step]
} left_group;

/// The right one: bytes, signed or with an offset, and scales in units.
typedef struct {
  float unit[TJ_LANES];
  uint8_t codes[][TJ_LANES][TJ_GROUP_STEP];
} right_group;

/// How many instructions go through a group of a format, and at most.
TJ_INLINE int steps_of_group(int format) { return formats[format].group / TJ_GROUP_STEP; }
enum { TJ_MOST_STEPS = TJ_BLOCK_LENGTH / TJ_GROUP_STEP };

/// Bytes of a group of so many steps.
TJ_INLINE size_t left_bytes(int steps) {
  return sizeof(left_group) + (size_t)steps * TJ_LANES * TJ_GROUP_STEP;
}
TJ_INLINE size_t right_bytes(int steps) {
  return sizeof(right_group) + (size_t)steps * TJ_LANES * TJ_GROUP_STEP;
}

/// The group that lies `index` of them further on.
TJ_INLINE const left_group *left_at(const left_group *group, size_t index, int steps) {
  return (const left_group *)((const char *)group + index * left_bytes(steps));
}
TJ_INLINE const right_group *right_at(const right_group *group, size_t index, int steps) {
  return (const right_group *)((const char *)group + index * right_bytes(steps));
}

#endif
