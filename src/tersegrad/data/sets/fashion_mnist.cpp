// Fashion-MNIST: articles of clothing (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747; MIT licence).
#include "tersegrad/data/sets/idx_dataset.hpp"

namespace tersegrad {
namespace {

std::unique_ptr<Dataset> make(const Arguments&, const DataSource& source) {
  // Mean and deviation of the 60,000 training images, published as 0.28604060 and 0.35302424.
  return load_idx_dataset({.name = "fashion-mnist",
                           .shape = {1, 28, 28},
                           .class_names = {"T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt",
                                           "sneaker", "bag", "ankle boot"},
                           .mean = {0.2860},
                           .deviation = {0.3530}},
                          "FashionMNIST/raw", source);
}

const Registration<Dataset, const DataSource&> registration{
    "fashion-mnist",
    "articles of clothing, 60,000 + 10,000 grey images of 28x28, 10 classes (launch/get-data fashion-mnist)",
    {},
    make};

}  // namespace
}  // namespace tersegrad
