// Sequence models on tokens: a loss is the mean over tokens, whatever the rows are cut into.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "models/network.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/data/sets/token_sequences.hpp"
#include "tersegrad/train/objectives/network_objective.hpp"
#include "tersegrad/train/trainer.hpp"
#include "train/ranks.hpp"

namespace tersegrad {
namespace {

constexpr std::int64_t context = 40, vocabulary = 7;

/// Tokens whose successor is known in three of four places.
std::shared_ptr<const Dataset> text() {
  const auto make = [](std::size_t count) {
    std::vector<std::uint32_t> tokens{1};
    for (std::size_t i = 1; i < count; ++i)
      tokens.push_back((tokens.back() * 3 + (i % 4 == 0 ? i / 4 : 1)) % vocabulary);
    return tokens;
  };
  return make_token_dataset({"text", context, vocabulary}, make(31 * context + 9), make(17 * context + 1), {});
}

TrainConfig config_of(std::int64_t batch) {
  TrainConfig config;
  config.model = "gpt2:layers=1,heads=2,width=8,context=40,vocab=7";
  config.steps = 40;
  config.batch = batch;
  config.agents = 4;
  config.lr = 0.5;
  config.exchange = "allgather";
  config.sinks = {"summary"};
  return config;
}

/// Summed cross-entropy and right guesses of rows, by LibTorch alone.
std::pair<double, std::int64_t> by_libtorch(Network& network, const Examples& examples) {
  const torch::NoGradGuard no_gradient;
  double loss = 0;
  std::int64_t correct = 0;
  for (std::int64_t row = 0; row < examples.size(); ++row) {
    auto x = torch::empty({1, context});
    auto y = torch::empty({context}, torch::kInt64);
    examples.features({&row, 1}, {x.data_ptr<float>(), context});
    examples.labels({&row, 1}, {y.data_ptr<std::int64_t>(), context});
    const auto logits = network.forward(x).view({context, vocabulary});
    loss -= torch::log_softmax(logits, 1).gather(1, y.unsqueeze(1)).sum().item<double>();
    correct += logits.argmax(1).eq(y).sum().item<std::int64_t>();
  }
  return {loss, correct};
}

TEST(Sequences, LossIsTheMeanOverTokens) {
  const auto data = text();
  const auto config = config_of(0);
  const auto objective = make_network_objective(config, data, {0, 4, 4});
  torch::manual_seed(config.init_seed);
  const auto network = NetworkRegistry::instance().make(config.model, {{context}, vocabulary});
  EXPECT_GT(objective->finite_sum()->gradient_chunks(), 1);
  double full = 0;
  for (std::int64_t c = 0; c < objective->finite_sum()->gradient_chunks(); ++c) full += objective->finite_sum()->add_chunk_gradient(c);
  const auto expected = by_libtorch(*network, data->train());
  EXPECT_NEAR(full, expected.first / static_cast<double>(data->train().size() * context), 1e-5);

  EvaluationSum sum;
  for (std::int64_t c = 0; c < objective->test_set()->test_chunks(); ++c) {
    const auto part = objective->test_set()->evaluate_chunk(c);
    sum.loss += part.loss;
    sum.correct += part.correct;
    sum.rows += part.rows;
  }
  const auto tested = by_libtorch(*network, data->test());
  EXPECT_EQ(sum.rows, 17 * context);
  EXPECT_NEAR(sum.loss, tested.first, 1e-5 * tested.first);
  EXPECT_EQ(sum.correct, tested.second);
}

TEST(Sequences, RefusesWhatDoesNotFit) {
  const auto refusal = [](TrainConfig config) -> std::string {
    try {
      make_network_objective(config, text(), {0, 4, 4})->agent_gradients()->agent_gradient(0, 0);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  auto config = config_of(4);
  EXPECT_EQ(refusal(config), "");
  config.skew = 0.5;
  EXPECT_NE(refusal(config).find("no classes of rows"), std::string::npos) << refusal(config);
  config = config_of(4);
  config.model = "mlp";
  EXPECT_NE(refusal(config).find("choose a sequence model (gpt2)"), std::string::npos) << refusal(config);
}

TEST(Sequences, TrainToTheSameBitsOnAnyRanks) {
  std::vector<float> alone, together;
  const auto run = [](const Communicator& comm, std::vector<float>& parameters) {
    auto config = config_of(3);
    config.compressor = "sign";
    config.lr = 0.01;
    return train(comm, config, [&](const TrainConfig& c, const HostedAgents& agents) {
      return std::make_unique<Watched>(make_network_objective(c, text(), agents), parameters);
    });
  };
  on_ranks(1, [&](const Communicator& comm) {
    const auto result = run(comm, alone);
    EXPECT_LT(result.loss_last, 0.8 * result.loss_first);  // three of four tokens follow from the last
  });
  if (!enough_ranks(2)) return;
  on_ranks(2, [&](const Communicator& comm) {
    run(comm, together);
    if (comm.rank() == 0) {
      EXPECT_EQ(alone, together);
    }
  });
}

}  // namespace
}  // namespace tersegrad
