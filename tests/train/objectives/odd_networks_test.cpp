// Networks that are unlike the usual ones: each is trained as LibTorch itself would train it, or refused by name.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "models/network.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/trainer.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

/// Features → 8 → classes, with one thing odd.
class OddNetwork final : public Network {
 public:
  OddNetwork(const std::string& odd, const NetworkShape& shape) : odd_(odd) {
    const std::int64_t in = shape.input[0];
    first_ = register_parameter("first", torch::randn({8, in}) * 0.1);
    middle_ = register_parameter("middle", torch::randn({8, 8}) * 0.3);
    last_ = register_parameter("last", torch::randn({shape.classes, 8}) * 0.3);
    if (odd == "unused") register_parameter("unused", torch::ones({5}));
    if (odd == "frozen") register_parameter("frozen", torch::ones({5}), false);
    if (odd == "frozen-double") register_parameter("frozen", torch::ones({5}, torch::kFloat64), false);
    if (odd == "frozen-middle") middle_.set_requires_grad(false);
    if (odd == "all-frozen") {
      for (auto* parameter : {&first_, &middle_, &last_}) parameter->set_requires_grad(false);
    }
    if (odd == "tied") register_parameter("again", middle_);
    if (odd == "transposed") {
      first_ = register_parameter("turned", (torch::randn({in, 8}) * 0.1).t());
    }
    if (odd == "overlapping") {
      const torch::NoGradGuard no_gradient;
      register_parameter("view", middle_.detach().t());
    }
    if (odd == "neighbours") {  // two halves of one allocation
      const auto both = torch::randn({16, 8}) * 0.3;
      upper_ = register_parameter("upper", both.narrow(0, 0, 8));
      lower_ = register_parameter("lower", both.narrow(0, 8, 8));
    }
    if (odd == "double") register_parameter("wide", torch::ones({5}, torch::kFloat64));
    if (odd == "empty") register_parameter("empty", torch::ones({0}));
  }

  torch::Tensor forward(torch::Tensor x) override {
    const auto second = odd_ == "tied" ? named_parameters()["again"] : middle_;
    x = torch::tanh(torch::matmul(x, first_.t()));
    x = torch::tanh(torch::matmul(x, middle_.t()));
    x = torch::tanh(torch::matmul(x, odd_ == "neighbours" ? torch::matmul(upper_, lower_) : second.t()));
    return torch::matmul(x, last_.t()) * (odd_ == "zero" ? 0.0 : 1.0);
  }

 private:
  std::string odd_;
  torch::Tensor first_, middle_, last_, upper_, lower_;
};

const Registration<Network, const NetworkShape&> registration{
    "odd", "one thing odd", {{"what", "nothing", "what is odd"}},
    [](const Arguments& arguments, const NetworkShape& shape) {
      return std::make_unique<OddNetwork>(arguments.text("what"), shape);
    }};

constexpr std::int64_t plain_size = 8 * 30 + 8 * 8 + 2 * 8;

std::shared_ptr<const Dataset> data() {
  static const std::shared_ptr<const Dataset> dataset = DatasetRegistry::instance().make("breast-cancer", DataSource{});
  return dataset;
}

TrainConfig config_of(const std::string& odd) {
  TrainConfig config;
  config.model = "odd:" + odd;
  config.steps = 6;
  config.batch = 16;
  config.agents = 4;
  config.lr = 0.5;
  config.exchange = "allreduce";
  config.sinks = {"summary"};
  return config;
}

/// The same training by LibTorch alone: its own modules, gradients and SGD. \return the trained parameters, in a row
std::vector<float> by_libtorch(const TrainConfig& config) {
  // The agents' batches come from objectives that are used for nothing else.
  const auto batches = make_network_objective(config, data(), {0, 4, 4});
  torch::manual_seed(config.init_seed);
  const auto network = NetworkRegistry::instance().make(config.model, {data()->shape(), data()->classes()});
  std::vector<torch::Tensor> trained;
  for (const auto& parameter : network->parameters()) {
    bool known = !parameter.requires_grad();
    for (const auto& other : trained) known |= other.is_same(parameter);
    if (!known) trained.push_back(parameter);
  }
  torch::optim::SGD sgd(trained, torch::optim::SGDOptions(config.lr));
  const auto flat = [&] {
    std::vector<float> values;
    for (const auto& parameter : trained) {
      const auto whole = parameter.detach().contiguous();
      values.insert(values.end(), whole.data_ptr<float>(), whole.data_ptr<float>() + whole.numel());
    }
    return values;
  };
  for (std::uint64_t step = 0; step < static_cast<std::uint64_t>(config.steps); ++step) {
    // Its gradient at these parameters, agent by agent, against the objective's.
    const auto x = flat();
    std::copy(x.begin(), x.end(), batches->parameters().begin());
    std::vector<double> mean(x.size());
    for (std::uint32_t agent = 0; agent < 4; ++agent) {
      batches->agent_gradients()->agent_gradient(agent, step);
      for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += static_cast<double>(batches->gradient()[j]) / 4;
    }
    std::size_t at = 0;
    for (auto& parameter : trained) {
      auto gradient = torch::empty_like(parameter, torch::MemoryFormat::Contiguous);
      for (std::int64_t j = 0; j < gradient.numel(); ++j)
        gradient.data_ptr<float>()[j] = static_cast<float>(mean[at++]);
      parameter.mutable_grad() = gradient;
    }
    sgd.step();
  }
  return flat();
}

std::vector<float> by_tersegrad(const Communicator& comm, const TrainConfig& config) {
  std::vector<float> parameters;
  train(comm, config, [&](const TrainConfig& c, const HostedAgents& agents) {
    return std::make_unique<Watched>(make_network_objective(c, data(), agents), parameters);
  });
  return parameters;
}

std::string refusal(const std::string& odd) {
  try {
    make_network_objective(config_of(odd), data(), {0, 4, 4});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// ∂f/∂x by differences, where every coordinate of x is one that training would move.
void expect_gradient(const std::string& odd) {
  SCOPED_TRACE(odd);
  TrainConfig config = config_of(odd);
  const auto objective = make_network_objective(config, data(), {0, 4, 4});
  objective->agent_gradients()->agent_gradient(1, 0);
  const std::vector<float> gradient(objective->gradient().begin(), objective->gradient().end());
  for (std::size_t j = 0; j < gradient.size(); j += 1 + gradient.size() / 40) {
    const float kept = objective->parameters()[j], h = 3e-3f;
    objective->parameters()[j] = kept + h;
    const double up = objective->agent_gradients()->agent_gradient(1, 0);
    objective->parameters()[j] = kept - h;
    const double down = objective->agent_gradients()->agent_gradient(1, 0);
    objective->parameters()[j] = kept;
    // fp32 losses of about 0.7: 6e-8/h = 2e-5 from their rounding; h²·f'''/6 = 1.5e-6·f''' from the difference.
    EXPECT_NEAR(gradient[j], (up - down) / (2 * static_cast<double>(h)), 2e-4) << "coordinate " << j;
  }
}

TEST(OddNetworks, GradientsAreThoseOfTheParameters) {
  for (const char* odd : {"nothing", "unused", "frozen", "frozen-middle", "tied", "transposed", "neighbours", "zero"}) {
    expect_gradient(odd);
  }
}

TEST(OddNetworks, EachParameterCountsOnce) {
  const auto size = [](const char* odd) {
    return make_network_objective(config_of(odd), data(), {0, 4, 4})->layout().total();
  };
  EXPECT_EQ(size("nothing"), plain_size);
  EXPECT_EQ(size("unused"), plain_size + 5);
  EXPECT_EQ(size("frozen"), plain_size);
  EXPECT_EQ(size("frozen-double"), plain_size);
  EXPECT_EQ(size("frozen-middle"), plain_size - 64);
  EXPECT_EQ(size("tied"), plain_size);
  EXPECT_EQ(size("transposed"), plain_size + 240);
  EXPECT_EQ(size("neighbours"), plain_size + 128);
  EXPECT_EQ(size("empty"), plain_size);
}

TEST(OddNetworks, BackwardTellsWhatItReachesOnceAndNothingElse) {
  for (const char* odd : {"nothing", "unused", "frozen", "tied", "transposed"}) {
    const auto objective = make_network_objective(config_of(odd), data(), {0, 4, 4});
    std::vector<int> told(static_cast<std::size_t>(objective->layout().total()));
    objective->agent_gradients()->agent_gradient_in_parts(0, 0, [&](std::int64_t begin, std::int64_t end, double) {
      for (std::int64_t j = begin; j < end; ++j) ++told[static_cast<std::size_t>(j)];
    });
    // Of "transposed" the first 240 are the parameter that another one stands in for, of "unused" the last 5.
    const bool front = std::string(odd) == "transposed", back = std::string(odd) == "unused";
    for (std::size_t j = 0; j < told.size(); ++j) {
      const bool unreached = (front && j < 240) || (back && j + 5 >= told.size());
      ASSERT_EQ(told[j], unreached ? 0 : 1) << odd << ", coordinate " << j;
    }
  }
}

TEST(OddNetworks, TrainAsLibTorchsSgdWould) {
  on_ranks(2, [](const Communicator& comm) {
    for (const char* odd : {"nothing", "unused", "frozen", "frozen-middle", "tied", "transposed", "neighbours"}) {
      for (const bool overlap : {false, true}) {
        SCOPED_TRACE(concat(odd, overlap ? ", overlap" : ""));
        TrainConfig config = config_of(odd);
        config.overlap = overlap;
        const auto ours = by_tersegrad(comm, config), theirs = by_libtorch(config);
        ASSERT_EQ(ours.size(), theirs.size());
        double moved = 0;
        for (std::size_t j = 0; j < ours.size(); ++j) {
          // Sums of four gradients in another order, six times: a few units in the last place of values around 1.
          ASSERT_NEAR(ours[j], theirs[j], 2e-5) << "coordinate " << j;
          moved = std::max(moved, std::abs(static_cast<double>(ours[j])));
        }
        EXPECT_GT(moved, 0);
      }
    }
  });
}

TEST(OddNetworks, UnusedAndFrozenParametersStayAsTheyWere) {
  on_ranks(2, [](const Communicator& comm) {
    for (const char* compressor : {"none", "sign", "topk:0.1", "ef:scaled-sign", "qsgd:4"}) {
      TrainConfig config = config_of("unused");
      config.exchange = "sharded";
      config.compressor = compressor;
      config.lr = 0.01;
      const auto parameters = by_tersegrad(comm, config);
      for (std::size_t j = parameters.size() - 5; j < parameters.size(); ++j)
        EXPECT_EQ(parameters[j], 1.0f) << compressor;
    }
  });
}

TEST(OddNetworks, WhatCannotBeTrainedIsRefusedByName) {
  const auto expect = [](const std::string& odd, std::initializer_list<const char*> parts) {
    const std::string text = refusal(odd);
    for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << odd << ": " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos);
  };
  expect("double", {"'wide'", "Double", "float32"});
  expect("overlapping", {"'middle'", "'view'", "share memory"});
  expect("all-frozen", {"no parameters that are trained"});
}

}  // namespace
}  // namespace tersegrad
