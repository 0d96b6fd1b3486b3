// The built-in digits inside the program: it needs no file beside it, wherever it is copied to.
#pragma once

#include <stdint.h>

// A file's bytes.
typedef struct {
  const uint8_t *bytes;
  intptr_t count;
} tj_file;

// Data/train-images-idx3-ubyte and the others. Constants of the program.
tj_file tj_digits_train_images(void);
tj_file tj_digits_train_labels(void);
tj_file tj_digits_test_images(void);
tj_file tj_digits_test_labels(void);
