#include "tersegrad/train/step/schedule.hpp"

#include <cmath>
#include <numbers>

namespace tersegrad {
namespace {

class Constant final : public Schedule {
 public:
  double factor(std::uint64_t, std::uint64_t) const override { return 1; }
};

/// final + (1 − final)·½(1 + cos(π s/S)).
class Cosine final : public Schedule {
 public:
  explicit Cosine(double last) : last_(last) {}
  double factor(std::uint64_t step, std::uint64_t steps) const override {
    const double progress = static_cast<double>(step) / static_cast<double>(steps);
    return last_ + (1 - last_) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  }

 private:
  double last_;
};

/// gamma^⌊s/every⌋.
class Steps final : public Schedule {
 public:
  Steps(std::int64_t every, double gamma) : every_(every), gamma_(gamma) {}
  double factor(std::uint64_t step, std::uint64_t) const override {
    return std::pow(gamma_, static_cast<double>(step / static_cast<std::uint64_t>(every_)));
  }

 private:
  std::int64_t every_;
  double gamma_;
};

const Registration<Schedule> constant{"constant", "the learning rate stays (the paper's)", {},
                                      [](const Arguments&) { return std::make_unique<Constant>(); }};
const Registration<Schedule> cosine{"cosine",
                                    "half a cosine from 1 to `final`",
                                    {{"final", "0", "factor at the last step, 0 to 1"}},
                                    [](const Arguments& arguments) {
                                      return std::make_unique<Cosine>(arguments.real("final", 0, 1));
                                    }};
const Registration<Schedule> step{"step",
                                  "multiplied by `gamma` every so many steps",
                                  {{"every", "", "steps between drops, ≥ 1"}, {"gamma", "0.1", "factor, 0 to 1"}},
                                  [](const Arguments& arguments) {
                                    return std::make_unique<Steps>(arguments.integer("every", 1),
                                                                   arguments.real("gamma", 0, 1));
                                  }};

}  // namespace

LearningRate::LearningRate(double lr, std::uint64_t steps, std::uint64_t warmup, const std::string& schedule)
    : lr_(lr), steps_(steps), warmup_(warmup), schedule_(ScheduleRegistry::instance().make(schedule)) {
  TERSEGRAD_CHECK(std::isfinite(lr) && lr > 0, "learning rate is ", lr, " (must be positive)");
}

double LearningRate::at(std::uint64_t step) const {
  if (step < warmup_) return lr_ * static_cast<double>(step + 1) / static_cast<double>(warmup_);
  const std::uint64_t rest = steps_ > warmup_ ? steps_ - warmup_ : 1;
  return lr_ * schedule_->factor(step - warmup_, rest);
}

}  // namespace tersegrad
