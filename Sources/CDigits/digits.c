// Not by the package manager: a resource bundle is a folder that must travel with the program, and
// `.embedInCode` makes an array literal of 117,000 numbers for the type checker. Clang reads the files as they are; to
// it that is an extension of C11.
#include "digits.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t train_images[] = {
#embed "Data/train-images-idx3-ubyte"
};
static const uint8_t train_labels[] = {
#embed "Data/train-labels-idx1-ubyte"
};
static const uint8_t test_images[] = {
#embed "Data/test-images-idx3-ubyte"
};
static const uint8_t test_labels[] = {
#embed "Data/test-labels-idx1-ubyte"
};

tj_file tj_digits_train_images(void) { return (tj_file){train_images, sizeof train_images}; }
tj_file tj_digits_train_labels(void) { return (tj_file){train_labels, sizeof train_labels}; }
tj_file tj_digits_test_images(void) { return (tj_file){test_images, sizeof test_images}; }
tj_file tj_digits_test_labels(void) { return (tj_file){test_labels, sizeof test_labels}; }
