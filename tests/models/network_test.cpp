// What every registered model keeps, and what each one promises.
#include "models/network.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

const NetworkShape table{{30}, 2}, mnist{{1, 28, 28}, 10}, cifar{{3, 32, 32}, 10};

struct Case {
  std::string spec;
  NetworkShape shape;
};

/// Every registered model at least once; a model this file does not know runs on MNIST's shape.
std::vector<Case> cases() {
  const std::map<std::string, std::vector<Case>> known{
      {"logreg", {{"logreg", mnist}}},
      {"mlp", {{"mlp", table}, {"mlp:2:7:gelu", mnist}}},
      {"resnet", {{"resnet", cifar}, {"resnet:8:16", {{2, 9, 7}, 3}}}},
      {"resnet18", {{"resnet18", cifar}}},
      {"vit", {{"vit", mnist}, {"vit:7", mnist}}},
      {"vit-small", {{"vit-small:depth=2", cifar}}},
      {"gpt2", {{"gpt2:2:2:8:6:11", {{6}, 11}}}},
  };
  std::vector<Case> all;
  for (const auto& name : NetworkRegistry::instance().names()) {
    const auto found = known.find(name);
    if (found == known.end()) {
      all.push_back({name, mnist});
    } else {
      all.insert(all.end(), found->second.begin(), found->second.end());
    }
  }
  return all;
}

std::shared_ptr<Network> make(const std::string& spec, const NetworkShape& shape, std::uint64_t seed = 1) {
  torch::manual_seed(seed);
  return NetworkRegistry::instance().make(spec, shape);
}

std::int64_t parameter_count(const Network& network) {
  std::int64_t count = 0;
  for (const auto& parameter : network.parameters()) count += parameter.numel();
  return count;
}

bool reads_tokens(const Case& c) { return c.spec.starts_with("gpt2"); }

torch::Tensor batch_of(const Case& c, std::int64_t batch) {
  std::vector<std::int64_t> sizes{batch};
  sizes.insert(sizes.end(), c.shape.input.begin(), c.shape.input.end());
  return reads_tokens(c) ? torch::randint(c.shape.classes, sizes, torch::kLong) : torch::randn(sizes);
}

/// The mean cross entropy with labels 0, 1, 2, …
torch::Tensor loss_of(Network& network, const torch::Tensor& x, std::int64_t classes) {
  const torch::Tensor logits = network.forward(x).flatten(0, -2);
  return torch::cross_entropy_loss(logits, torch::arange(logits.size(0), torch::kLong).remainder(classes));
}

TEST(Network, HasItsDocumentedParameterCount) {
  EXPECT_EQ(parameter_count(*make("logreg", mnist)), 7850);
  EXPECT_EQ(parameter_count(*make("mlp", table)), 1502);
  EXPECT_EQ(parameter_count(*make("mlp:10", table)), 4442);  // the paper's text
  EXPECT_EQ(parameter_count(*make("mlp:0", table)), 62);
  EXPECT_EQ(parameter_count(*make("resnet", cifar)), 1060138);
  EXPECT_EQ(parameter_count(*make("vit", mnist)), 133930);
  EXPECT_EQ(parameter_count(*make("resnet18", cifar)), 11173962);
  EXPECT_EQ(parameter_count(*make("vit-small", cifar)), 21341578);
  EXPECT_EQ(parameter_count(*make("gpt2", {{1024}, 50257})), 124439808);
}

TEST(Network, VisionTransformerCountFollowsItsFormula) {
  for (const std::int64_t p : {4, 7, 14, 28}) {
    for (const std::int64_t h : {0, 5}) {
      const std::int64_t w = 12, f = 20, depth = 2, tokens = (28 / p) * (28 / p), classes = 10;
      const auto network = make(concat("vit:", p, ":", w, ":", depth, ":3:", f, ":", h), mnist);
      const std::int64_t head = h > 0 ? (w + 1) * h + (h + 1) * classes : (w + 1) * classes;
      EXPECT_EQ(parameter_count(*network), (p * p + 1) * w + (tokens > 1 ? tokens * w : 0) +
                                               depth * (4 * w * w + 2 * w * f + 9 * w + f) + 2 * w + head)
          << "patch " << p << " head " << h;
    }
  }
}

TEST(Network, ForwardGivesFiniteLogitsOfTheRightShape) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(c.spec);
    auto network = make(c.spec, c.shape);
    for (const std::int64_t batch : {1, 3}) {
      for (const bool training : {true, false}) {
        network->train(training);
        const torch::Tensor logits = network->forward(batch_of(c, batch));
        std::vector<std::int64_t> wanted{batch, c.shape.classes};
        if (reads_tokens(c)) wanted.insert(wanted.begin() + 1, c.shape.input[0]);
        EXPECT_EQ(logits.sizes().vec(), wanted);
        EXPECT_TRUE(torch::isfinite(logits).all().item<bool>());
      }
    }
  }
}

TEST(Network, EvaluatesEachExampleByItself) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(c.spec);
    auto network = make(c.spec, c.shape);
    network->eval();
    torch::NoGradGuard no_grad;
    const torch::Tensor x = batch_of(c, 3);
    const torch::Tensor together = network->forward(x), alone = network->forward(x.narrow(0, 1, 1));
    // Logits of order one; a sum of n ≤ 10⁴ products in another order moves by well under √n · 2⁻²⁴ · a few.
    EXPECT_LT((together.narrow(0, 1, 1) - alone).abs().max().item<float>(), 1e-4f);
  }
}

TEST(Network, ParametersFollowTheSeedAlone) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(c.spec);
    const auto first = make(c.spec, c.shape, 7)->parameters();
    torch::rand({5});  // the state left behind must not matter
    const auto again = make(c.spec, c.shape, 7)->parameters();
    const auto other = make(c.spec, c.shape, 8)->parameters();
    ASSERT_EQ(first.size(), again.size());
    bool differs = false;
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_TRUE(torch::equal(first[i], again[i])) << "parameter " << i;
      differs = differs || !torch::equal(first[i], other[i]);
    }
    EXPECT_TRUE(differs);
  }
}

/// The trainer's use of a model: parameters and gradients live in two flat buffers, and every .grad stays a view.
TEST(Network, WorksOnFlatBuffers) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(c.spec);
    auto plain = make(c.spec, c.shape), network = make(c.spec, c.shape);
    const std::int64_t dim = parameter_count(*network);
    torch::Tensor flat = torch::empty({dim}), gradient = torch::full({dim}, 123.0f);
    std::int64_t offset = 0;
    {
      torch::NoGradGuard no_grad;
      for (auto& parameter : network->parameters()) {
        const torch::Tensor view = flat.narrow(0, offset, parameter.numel()).view(parameter.sizes());
        view.copy_(parameter);
        parameter.set_data(view);
        parameter.mutable_grad() = gradient.narrow(0, offset, parameter.numel()).view(parameter.sizes());
        offset += parameter.numel();
      }
    }
    const torch::Tensor x = batch_of(c, 4);
    const auto is_view = [&] {
      std::int64_t at = 0;
      for (const auto& parameter : network->parameters()) {
        if (parameter.data_ptr<float>() != flat.data_ptr<float>() + at || !parameter.is_contiguous()) return false;
        if (parameter.grad().data_ptr<float>() != gradient.data_ptr<float>() + at || !parameter.grad().is_contiguous())
          return false;
        at += parameter.numel();
      }
      return true;
    };
    torch::Tensor once;
    for (int step = 0; step < 2; ++step) {
      gradient.zero_();
      const torch::Tensor loss = loss_of(*network, x, c.shape.classes);
      loss.backward();
      ASSERT_TRUE(is_view()) << "step " << step;
      if (step == 0) once = gradient.clone();
    }
    EXPECT_TRUE(torch::equal(once, gradient)) << "the same step twice gives the same bits";
    EXPECT_GT(gradient.abs().max().item<float>(), 0.0f);

    const torch::Tensor loss = loss_of(*plain, x, c.shape.classes);
    loss.backward();
    offset = 0;
    for (const auto& entry : plain->named_parameters()) {
      const torch::Tensor& parameter = entry.value();
      const torch::Tensor mine = gradient.narrow(0, offset, parameter.numel()).view(parameter.sizes());
      ASSERT_TRUE(parameter.grad().defined()) << entry.key() << " takes part in the loss";
      // Bits may differ: BLAS picks its loop by alignment. 2⁻²⁴ a rounding, sums of at most a few thousand terms.
      const float scale = parameter.grad().abs().max().item<float>();
      EXPECT_LE((parameter.grad() - mine).abs().max().item<float>(), 1e-4f * scale + 1e-7f) << entry.key();
      offset += parameter.numel();
    }

    loss_of(*network, x, c.shape.classes).backward();  // without zeroing: accumulated in place
    EXPECT_TRUE(is_view());
    EXPECT_LE((gradient - 2 * once).abs().max().item<float>(), 1e-6f * once.abs().max().item<float>());

    const torch::Tensor before = loss_of(*network, x, c.shape.classes).detach();
    flat.sub_(once, 1e-3);  // an update through the flat buffer reaches the model, and descends
    EXPECT_LT(loss_of(*network, x, c.shape.classes).item<float>(), before.item<float>());
  }
}

TEST(Network, ResNet18KeepsRunningStatisticsAsBuffers) {
  auto network = make("resnet18", cifar);
  std::int64_t values = 0, counters = 0;
  for (const auto& buffer : network->buffers()) (buffer.is_floating_point() ? values : counters) += buffer.numel();
  EXPECT_EQ(values, 9600);
  EXPECT_EQ(counters, 20);
  const torch::Tensor x = torch::randn({4, 3, 32, 32});
  const torch::Tensor mean = network->named_buffers()["bn1.running_mean"];
  network->eval();
  network->forward(x);
  EXPECT_EQ(mean.abs().max().item<float>(), 0.0f) << "evaluation leaves them";
  network->train();
  network->forward(x);
  EXPECT_GT(mean.abs().max().item<float>(), 0.0f) << "training moves them";
}

TEST(Network, SingleTokenLeavesQueryAndKeyWithoutGradient) {
  auto network = make("vit", mnist);
  loss_of(*network, torch::randn({8, 1, 28, 28}), 10).backward();
  std::int64_t zeros = 0;
  for (const auto& entry : network->named_parameters()) {
    if (entry.key().find("qkv") == std::string::npos) continue;
    const torch::Tensor gradient = entry.value().grad();
    EXPECT_EQ(gradient.narrow(0, 0, 96).abs().max().item<float>(), 0.0f) << entry.key();
    EXPECT_GT(gradient.narrow(0, 96, 48).abs().max().item<float>(), 0.0f) << entry.key();
    zeros += gradient.narrow(0, 0, 96).numel();
  }
  EXPECT_EQ(zeros, 14112);
}

TEST(Network, VisionTransformerCutsWholePatches) {
  const NetworkShape shape{{2, 6, 9}, 3};
  auto network = make("vit:3:8:2:2:16", shape);
  network->eval();
  torch::NoGradGuard no_grad;
  network->named_parameters()["position"].zero_();  // without positions, tokens have no order
  const torch::Tensor x = torch::randn({1, 2, 6, 9});
  torch::Tensor swapped = x.clone(), torn = x.clone();
  const auto patch = [](torch::Tensor image, std::int64_t row, std::int64_t column) {
    return image.narrow(2, 3 * row, 3).narrow(3, 3 * column, 3);
  };
  patch(swapped, 0, 1).copy_(patch(x, 1, 2));
  patch(swapped, 1, 2).copy_(patch(x, 0, 1));
  torn.narrow(3, 1, 3).copy_(x.narrow(3, 4, 3));  // not on the grid
  torn.narrow(3, 4, 3).copy_(x.narrow(3, 1, 3));
  const torch::Tensor logits = network->forward(x);
  EXPECT_LT((network->forward(swapped) - logits).abs().max().item<float>(), 1e-5f);
  EXPECT_GT((network->forward(torn) - logits).abs().max().item<float>(), 1e-3f);
  network->named_parameters()["position"].normal_();
  EXPECT_GT((network->forward(swapped) - network->forward(x)).abs().max().item<float>(), 1e-3f);
}

TEST(Network, Gpt2LooksOnlyBack) {
  const NetworkShape shape{{6}, 11};
  auto network = make("gpt2:2:2:8:6:11", shape);
  torch::NoGradGuard no_grad;
  const torch::Tensor ids = torch::randint(11, {2, 6}, torch::kLong);
  torch::Tensor changed = ids.clone();
  changed.select(1, 4).add_(1).remainder_(11);
  const torch::Tensor logits = network->forward(ids), other = network->forward(changed);
  EXPECT_LT((logits - other).narrow(1, 0, 4).abs().max().item<float>(), 1e-6f);
  EXPECT_GT((logits - other).narrow(1, 4, 2).abs().amax({0, 2}).min().item<float>(), 1e-5f);
  EXPECT_TRUE(torch::equal(network->forward(ids.to(torch::kFloat)), logits)) << "ids may come as floats";
  EXPECT_EQ(network->forward(ids.narrow(1, 0, 3)).size(1), 3) << "a shorter sequence is fine";
}

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Network, RefusesWhatCannotBe) {
  const auto refuses = [](const std::string& spec, const NetworkShape& shape, const std::string& says) {
    const std::string text = refusal([&] { make(spec, shape); });
    EXPECT_NE(text.find(says), std::string::npos) << spec << ": " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << spec;
  };
  refuses("nope", mnist, "unknown model 'nope' (known: ");
  refuses("mlp:depth=-1", table, "argument 'depth' of model 'mlp:depth=-1' is '-1' (must be a whole number from 0");
  refuses("mlp:width=0", table, "'width'");
  refuses("mlp:activation=swish", table, "must be one of: gelu, relu, sigmoid, softplus, tanh");
  refuses("mlp:layers=3", table,
          "unknown argument 'layers' in model 'mlp:layers=3' (its arguments are: depth, width, activation)");
  refuses("resnet", table,
          "reads images [channels, height, width] of at least 2 by 2 pixels, but this data set's examples are [30]");
  refuses("resnet18", table, "reads images");
  refuses("vit", table, "reads images");
  refuses("vit", cifar,
          "argument 'patch' of model 'vit' is '28' (patches tile the image, and it does not divide 32 x 32); known: "
          "1, 2, 4, 8, 16, 32");
  refuses("vit:patch=8", {{1, 24, 28}, 10}, "does not divide 24 x 28); known: 1, 2, 4");
  refuses("vit:heads=5", mnist,
          "argument 'heads' of model 'vit:heads=5' is '5' (each head takes an equal part of the width, and it does "
          "not divide 48)");
  refuses("vit:depth=0", mnist, "'depth'");
  refuses("vit-small:heads=0", cifar, "'heads'");
  refuses("gpt2", mnist, "reads at most 1024 token ids [tokens], but this data set's examples are [1, 28, 28]");
  refuses("gpt2:context=4", {{5}, 50257}, "at most 4 token ids");
  refuses("gpt2", {{30}, 2}, "predicts one of 50257 tokens, but this data set has 2 classes");
  auto gpt2 = make("gpt2:1:1:4:6:11", {{6}, 11});
  for (const std::int64_t id : {-1, 11}) {
    const std::string text = refusal([&] { gpt2->forward(torch::full({1, 6}, id, torch::kLong)); });
    EXPECT_NE(text.find(concat("token id '", id, "'")), std::string::npos) << text;
  }
  const std::string text = refusal([&] { gpt2->forward(torch::zeros({1, 7}, torch::kLong)); });
  EXPECT_NE(text.find("1 to 6 tokens"), std::string::npos) << text;
}

}  // namespace
}  // namespace tersegrad
