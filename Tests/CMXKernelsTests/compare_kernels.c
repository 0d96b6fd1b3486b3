// Runs every kernel of every instruction set on made-up data and holds its output to the bits of the portable
// kernels, and the products to their definition (MXFormats/ReferenceGEMM.swift), computed here one by one.
//
// A program without Swift or a test framework, so that it can be compiled for another processor and run in an
// emulator, or with a sanitizer: .ci/neon, .ci/sanitize. The data come from integers alone and each
// table's output is hashed, so that tables of different processors can be compared as well.
//
// All memory that kernels see begins right behind, or ends right before, a page that must not be touched.
#include "check_layers.h"
#include "check_products.h"
#include "check_quantizers.h"

int main(void) {
  const struct sigaction action = {.sa_handler = report_fault};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  map_slots();

  const tj_kernels *kernels;
  for (size_t i = 0; (kernels = tj_kernels_at(i)); i++)
    if (kernels->is_available() && table_count < TABLES) results[table_count++].kernels = kernels;
  if (table_count == 0) fail("no kernels");
  if (table_count == 1)
    puts("only the portable kernels are available: they are held to themselves and to the definition");

  check_quantizers();
  check_products();
  check_layers();
  check_heads();
  for (size_t i = 0; i < table_count; i++) {
    table = results[i].kernels;
    describe("10 iterations");
    if (!(CALL(dot_product_peak, 10) > 0)) fail("no operations");
  }

  for (size_t i = 0; i < table_count; i++) {
    const table_result *result = &results[i];
    printf("%-8s %zu outputs, hash %016llx, ", result->kernels->name, result->outputs,
           (unsigned long long)result->hash);
    if (is_fused(result->kernels))
      printf("fused attention %016llx\n", (unsigned long long)result->attention_hash);
    else
      puts("attention not fused");
  }
  puts("all equal");
}
