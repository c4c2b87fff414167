// Which member has which fast path, and that it is taken: the comparisons of conformance_test.cpp hold of a path that always
// declines.
#include <cstddef>

#include "conformance/conformance.hpp"

namespace tersegrad::testing {
namespace {

/// The optional capabilities of compressor.hpp, a bit each.
enum FastPath : unsigned {
  dense_view = 1,
  decode_sparse = 2,
  decode_axpy = 4,
  decode_own_sparse = 8,
  subtract_own = 16,  ///< not the default, which decodes
  axpby = 32,         ///< begin_step_axpby or encode_axpby that are not the default, which makes the sum first
  partial_sums = 64,
  feedback = 128,  ///< feedback_encoder of both kinds
};
constexpr const char* names[] = {"dense_view",   "decode_sparse", "decode_axpy",  "decode_own_sparse",
                                 "subtract_own", "axpby",         "partial_sums", "feedback"};

/// A registered member appears as all_specs() spells it; other spellings where they differ from it.
const std::map<std::string, unsigned> table = {
    {"bernoulli:0.25", decode_sparse | decode_axpy | decode_own_sparse | subtract_own | axpby},
    {"ef:topk:0.25", decode_sparse | decode_axpy},
    {"ef21:topk:0.25", dense_view},
    {"majority", decode_axpy | axpby | partial_sums},
    {"natural", decode_axpy},
    {"none", dense_view | decode_axpy},
    {"ntopk:0.25", decode_sparse | decode_axpy | decode_own_sparse | subtract_own | axpby},
    {"qsgd:4", decode_axpy},
    {"randk:0.25", decode_sparse | decode_axpy | decode_own_sparse | subtract_own | axpby},
    {"scaled-sign", decode_axpy | feedback},
    {"sign", decode_axpy | axpby | partial_sums},
    {"signum", decode_axpy | partial_sums},
    {"terngrad", decode_axpy},
    {"topk:0.25", decode_sparse | decode_axpy | decode_own_sparse | subtract_own | axpby},
    // What wrappers and wires change.
    {"none:fp16", decode_axpy},
    {"ef:none:fp16", decode_axpy},
    {"ef:scaled-sign", decode_axpy},
    {"ef:randk:0.25", decode_sparse | decode_axpy},
    {"ef:natural", 0},
    {"ef21:scaled-sign", dense_view},
    {"ef21:qsgd:7", dense_view},
    {"signum:0.5:majority", decode_axpy | partial_sums},
    {"signum:0.99:scaled-sign", decode_axpy}};

std::string to_text(unsigned paths) {
  std::vector<std::string> words;
  for (unsigned i = 0; i < std::size(names); ++i) {
    if ((paths & (1u << i)) != 0) words.push_back(names[i]);
  }
  return words.empty() ? "0" : join(words, " | ");
}

/// The function that a call of a virtual member ends in. (Itanium C++ ABI: a pointer to a virtual member is its place in the
/// table of functions, which an object begins with.)
template <class Class, class Member>
const void* function_of(const Class& object, Member member) {
  std::ptrdiff_t place[2];
  static_assert(sizeof member == sizeof place);
  std::memcpy(place, &member, sizeof place);
  const char* functions = nullptr;
  std::memcpy(&functions, &object, sizeof functions);
  const void* function = nullptr;
  std::memcpy(&function, functions + (place[0] & ~std::ptrdiff_t{1}), sizeof function);
  return function;
}

/// An encoder with none of its own.
class PlainEncoder : public Encoder {
 public:
  void begin_step(std::uint64_t, std::span<const float>) override {}
  void encode(const Bucket&, std::span<const float>, Message&) override {}
  void decode_own(const Bucket&, const Message&, std::span<float>) override {}
};

template <class Member>
bool overrides(const Encoder& encoder, Member member) {
  return function_of<Encoder>(encoder, member) != function_of<Encoder>(PlainEncoder(), member);
}

/// The paths that two agents take with finite gradients.
unsigned paths_of(const std::string& spec) {
  const Layout layout{5000, 1};
  const auto compressor = make(spec, layout, 2);
  Session session(*compressor, 2);
  const auto fused = compressor->aggregator(), listed = compressor->aggregator();
  unsigned paths = 0;
  const auto note = [&](unsigned path, bool taken) { paths |= taken ? path : 0; };
  for (std::uint64_t s = 0; s < 2; ++s) {
    const auto gradients = gradients_of(2, layout.total(), 10 * s);
    for (std::size_t a = 0; a < 2; ++a) session.encoders[a]->begin_step(s, gradients[a]);
    for (Aggregator* aggregator : {session.aggregator.get(), fused.get(), listed.get()}) aggregator->begin_step(s);
    for (const Bucket bucket : {Bucket{0, 0, 640}, Bucket{1, 640, layout.total()}}) {
      std::vector<Message> messages(2);
      std::vector<MessageView> views;
      for (std::size_t a = 0; a < 2; ++a) {
        session.encoders[a]->encode(bucket, part_of(std::span(gradients[a]), bucket), messages[a]);
        note(decode_own_sparse, session.encoders[a]->decode_own_sparse(bucket, messages[a]).has_value());
        views.push_back(view(messages[a]));
      }
      Message aggregate;
      session.aggregator->aggregate(bucket, views, aggregate);
      std::vector<float> x(static_cast<std::size_t>(bucket.size()));
      note(dense_view, !session.aggregator->dense_view(bucket, view(aggregate)).empty());
      note(decode_axpy, fused->decode_axpy(bucket, view(aggregate), 0.3f, x));
      note(decode_sparse, listed->decode_sparse(bucket, view(aggregate)).has_value());
    }
  }
  const Encoder& encoder = *session.encoders[0];
  note(subtract_own, overrides(encoder, &Encoder::subtract_own));
  note(axpby, overrides(encoder, &Encoder::begin_step_axpby) || overrides(encoder, &Encoder::encode_axpby));
  note(partial_sums, session.aggregator->supports_partial());
  note(feedback, compressor->feedback_encoder(Feedback::ef14, 0) != nullptr && compressor->feedback_encoder(Feedback::ef21, 0) != nullptr);
  return paths;
}

TEST(FastPaths, AreThoseOfTheTable) {
  for (const auto& [spec, expected] : table) {
    EXPECT_EQ(to_text(paths_of(spec)), to_text(expected)) << spec;
  }
}

TEST(FastPaths, TheTableHasEveryMember) {
  for (const auto& spec : all_specs()) {
    if (table.contains(spec)) continue;
    ADD_FAILURE() << "compressor '" << spec << "' is not in the table of tests/conformance/fast_paths_test.cpp; it takes these, so "
                  << "unless that is a surprise add {\"" << spec << "\", " << to_text(paths_of(spec)) << "},";
  }
}

TEST(FastPaths, AnOverrideIsTold) {
  class Subtracts final : public PlainEncoder {
    bool subtract_own(const Bucket&, std::span<float>, float, const Message&) override { return true; }
  };
  EXPECT_TRUE(overrides(Subtracts(), &Encoder::subtract_own));
  EXPECT_FALSE(overrides(Subtracts(), &Encoder::encode_axpby));
  EXPECT_FALSE(overrides(PlainEncoder(), &Encoder::subtract_own));
}

}  // namespace
}  // namespace tersegrad::testing
