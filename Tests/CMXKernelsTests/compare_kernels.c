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

static void own_gelu(const float *x, float *y, size_t n) { memcpy(y, x, n * sizeof *y); }
static void replace_gelu(tj_kernels *kernels) { kernels->gelu = own_gelu; }

/// A set with a base has the base's kernels but for those that it replaces.
static void check_inheritance(const tj_instruction_set *base) {
  const tj_instruction_set set = {"own", base->is_available, NULL, base, replace_gelu};
  tj_kernels kernels, whole;
  tj_fill(&set, &kernels);
  tj_fill(base, &whole);
  const int is_own = kernels.gelu == own_gelu && kernels.adamw == whole.adamw && whole.gelu != own_gelu;
  if (!is_own || kernels.multiply != whole.multiply || strcmp(kernels.name, "own"))
    fail("a set does not take over its base's kernels");
}

int main(void) {
  const struct sigaction action = {.sa_handler = report_fault};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  map_slots();

  static tj_kernels tables[TABLES];
  const tj_instruction_set *set;
  for (size_t i = 0; (set = tj_instruction_set_at(i)); i++)
    if (set->is_available() && table_count < TABLES) {
      tj_fill(set, &tables[table_count]);
      results[table_count].kernels = &tables[table_count];
      table_count++;
      check_inheritance(set);
    }
  if (table_count == 0) fail("no kernels");
  if (table_count == 1)
    puts("only the portable kernels are available: they are held to themselves and to the definition");

  check_quantizers();
  check_products();
  check_layers();
  check_heads(0);
  check_heads(1);
  check_float_products();
  for (size_t i = 0; i < table_count; i++) {
    table = results[i].kernels;
    describe("10 iterations");
    if (!(CALL(dot_product_peak, 10) > 0 && CALL(float_peak, 10) > 0)) fail("no operations");
  }

  for (size_t i = 0; i < table_count; i++) {
    const table_result *result = &results[i];
    printf("%-8s %zu outputs, hash %016llx, ", result->kernels->name, result->outputs,
           (unsigned long long)result->hash);
    if (is_fused(result->kernels))
      printf("fused attention %016llx\n", (unsigned long long)result->attention_hash);
    else
      puts("attention not fused");
    if (is_fused(result->kernels))
      printf("%-8s %zu outputs, bfloat16 %016llx\n", result->kernels->name, result->bf16_outputs,
             (unsigned long long)result->bf16_hash);
  }
  puts("all equal");
}
