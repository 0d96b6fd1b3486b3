#include "library.h"

#include <dlfcn.h>
#include <stddef.h>

int tj_open_library(const char *const *names, const char *const *symbols, void **functions, int count) {
  for (; *names; names++) {
    void *library = dlopen(*names, RTLD_NOW);
    if (!library) continue;
    int found = 0;
    while (found < count && (functions[found] = dlsym(library, symbols[found]))) found++;
    if (found == count) return 1;
    dlclose(library);
  }
  return 0;
}
