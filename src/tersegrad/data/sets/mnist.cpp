// MNIST: handwritten digits (LeCun, Cortes, Burges).
#include "tersegrad/data/sets/idx_dataset.hpp"

namespace tersegrad {
namespace {

std::unique_ptr<Dataset> make(const Arguments&, const DataSource& source) {
  // Mean and deviation of the 60,000 training images: 33.3184/255 and 78.5675/255, to the four digits in common use.
  return load_idx_dataset({.name = "mnist",
                           .shape = {1, 28, 28},
                           .class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                           .mean = {0.1307},
                           .deviation = {0.3081}},
                          "MNIST/raw", source);
}

const Registration<Dataset, const DataSource&> registration{
    "mnist", "handwritten digits, 60,000 + 10,000 grey images of 28x28, 10 classes (launch/get-data mnist)", {}, make};

}  // namespace
}  // namespace tersegrad
