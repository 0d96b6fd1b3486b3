#define _GNU_SOURCE // dladdr
#include "allocation_sites.h"

#include <stdatomic.h>

#if defined(__GLIBC__)
  #include <dlfcn.h>
  #include <execinfo.h>

static allocation_site sites[allocation_site_capacity];
static _Atomic int site_count;
// Unwinding may allocate.
static _Thread_local bool is_unwinding;

static void keep_site(void) {
  if (is_unwinding) return;
  int index = atomic_fetch_add_explicit(&site_count, 1, memory_order_relaxed);
  if (index >= allocation_site_capacity) return;
  is_unwinding = true;
  sites[index].depth = backtrace(sites[index].frames, allocation_site_frames);
  is_unwinding = false;
}

void allocation_sites_start(void) {
  // The first call loads the unwinder.
  backtrace(sites[0].frames, allocation_site_frames);
  atomic_store(&site_count, 0);
  allocation_counter_on_allocation(keep_site);
}

void allocation_sites_stop(void) { allocation_counter_on_allocation(NULL); }

int allocation_sites_count(void) {
  int count = atomic_load(&site_count);
  return count < allocation_site_capacity ? count : allocation_site_capacity;
}

const allocation_site *allocation_site_at(int index) { return &sites[index]; }

allocation_place allocation_place_of(void *address) {
  Dl_info info;
  if (dladdr(address, &info) == 0) return (allocation_place){NULL, NULL, (uintptr_t)address};
  return (allocation_place){info.dli_fname, info.dli_sname, (uintptr_t)address - (uintptr_t)info.dli_fbase};
}

#else

void allocation_sites_start(void) {}
void allocation_sites_stop(void) {}
int allocation_sites_count(void) { return 0; }
const allocation_site *allocation_site_at(int index) { return (void)index, NULL; }
allocation_place allocation_place_of(void *address) {
  return (allocation_place){NULL, NULL, (uintptr_t)address};
}

#endif
