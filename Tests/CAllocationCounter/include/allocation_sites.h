// Where the counted allocations of the process were made: the stacks of the first of them.
//
// Where allocation_counter_is_available().
#pragma once

#include "allocation_counter.h"

enum { allocation_site_frames = 48, allocation_site_capacity = 4096 };

// The return addresses of one allocation, innermost first.
typedef struct {
  int depth;
  void *frames[allocation_site_frames];
} allocation_site;

// Keeps the stacks of the allocations that the process's counter counts from now on.
void allocation_sites_start(void);
void allocation_sites_stop(void);

// How many were kept: all up to the capacity, once they have stopped.
int allocation_sites_count(void);

// One of them, 0 ..< count.
const allocation_site *allocation_site_at(int index);

// What a return address lies in: the program or library, the exported function if it is known, and
// how far from the beginning of the library. NULL where there is none.
typedef struct {
  const char *image;
  const char *symbol;
  uintptr_t offset;
} allocation_place;

allocation_place allocation_place_of(void *address);
