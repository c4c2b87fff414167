#include "tersegrad/train/report/held_record.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tersegrad/train/objectives/evaluation.hpp"

namespace tersegrad {

namespace {

std::size_t column_of(const char* name) {
  const auto columns = Recorder::columns();
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == name; });
  return static_cast<std::size_t>(found - columns.begin());
}

}  // namespace

HeldRecord::HeldRecord(const Communicator& comm, const AgentMap& map, Objective& objective, Recorder& recorder, Log* log)
    : comm_(comm), map_(map), objective_(objective), recorder_(recorder), log_(log), loss_(column_of("test_loss")),
      accuracy_(column_of("test_accuracy")) {}

void HeldRecord::hold(const StepRecord& record) {
  values_ = recorder_.row(record);
  held_ = true;
  has_figures_ = false;
}

void HeldRecord::take_up(std::vector<double> values) {
  std::int64_t known[2] = {values.empty() ? 0 : 1, values.empty() || std::isnan(values[accuracy_]) ? 0 : 1};
  comm_.sum(std::span<std::int64_t>(known));
  values_ = std::move(values);
  held_ = known[0] > 0;
  has_figures_ = known[1] > 0;
}

bool HeldRecord::evaluate() {
  if (!has_figures_) {
    EvaluationListener told;
    if (log_ != nullptr) {
      told = [this](std::int64_t done, std::int64_t chunks) { log_->evaluating(done, chunks); };
      told(0, objective_.test_set()->test_chunks());
    }
    const auto test = tersegrad::evaluate(comm_, map_, objective_, told);
    if (!test) return false;
    if (log_ != nullptr) {
      values_[loss_] = test->loss;
      values_[accuracy_] = test->accuracy;
    }
    test_ = *test;
  }
  write();
  return true;
}

void HeldRecord::release() {
  test_ = Evaluation();
  write();
}

void HeldRecord::write() {
  held_ = has_figures_ = false;
  if (log_ == nullptr) return;
  test_ = {values_[loss_], values_[accuracy_]};
  log_->write(values_);
  values_.clear();
}

}  // namespace tersegrad
