#include "tersegrad/train/objectives/operator_progress.hpp"

#include <ATen/record_function.h>

#include <memory>

#include "tersegrad/core/progress.hpp"

namespace tersegrad {
namespace {

std::unique_ptr<at::ObserverContext> tell(const at::RecordFunction&) {
  try {
    tell_progress();
  } catch (...) {  // LibTorch would print it, once an operator
  }
  return nullptr;
}

}  // namespace

void OperatorProgress::follow(bool wanted) {
  if (wanted == follows_) return;
  follows_ = wanted;
  if (wanted) {
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&tell));
  } else {
    at::removeCallback(handle_);
  }
}

}  // namespace tersegrad
