// Which member has which fast path, and that it is taken: the comparisons of conformance_test.cpp hold of a path that always
// declines.
#include <cstddef>

#include "conformance/conformance.hpp"
#include "tersegrad/compress/capabilities/axpby_encoder.hpp"
#include "tersegrad/compress/capabilities/fused_feedback.hpp"
#include "tersegrad/compress/capabilities/partial_sums.hpp"
#include "tersegrad/compress/capabilities/sparse.hpp"
#include "tersegrad/compress/capabilities/update.hpp"

namespace tersegrad::testing {
namespace {

/// The capabilities that are about speed, a bit each.
enum FastPath : unsigned {
  has_dense_view = 1,
  has_decode_sparse = 2,
  has_decode_axpy = 4,
  has_decode_own_sparse = 8,
  has_subtract_own = 16,  ///< not the default, which decodes
  has_axpby = 32,         ///< begin_step_axpby or pack_axpby that are not the default, which makes the sum first
  has_partial_sums = 64,
  has_feedback = 128,  ///< feedback_encoder of both kinds
};
constexpr const char* names[] = {"dense_view",   "decode_sparse", "decode_axpy",  "decode_own_sparse",
                                 "subtract_own", "axpby",         "partial_sums", "feedback"};

/// A registered member appears as all_specs() spells it; other spellings where they differ from it.
const std::map<std::string, unsigned> table = {
    {"bernoulli:0.25", has_decode_sparse | has_decode_axpy | has_decode_own_sparse | has_subtract_own | has_axpby},
    {"ef:topk:0.25", has_decode_sparse | has_decode_axpy},
    {"doublesqueeze:topk:0.25", 0},
    {"ef21:topk:0.25", has_dense_view},
    {"majority", has_decode_axpy | has_axpby | has_partial_sums},
    {"natural", has_decode_axpy},
    {"none", has_dense_view | has_decode_axpy},
    {"ntopk:0.25", has_decode_sparse | has_decode_axpy | has_decode_own_sparse | has_subtract_own | has_axpby},
    {"qsgd:4", has_decode_axpy},
    {"randk:0.25", has_decode_sparse | has_decode_axpy | has_decode_own_sparse | has_subtract_own | has_axpby},
    {"scaled-sign", has_decode_axpy | has_feedback},
    {"sign", has_decode_axpy | has_axpby | has_partial_sums},
    {"signum", has_decode_axpy | has_partial_sums},
    {"terngrad", has_decode_axpy},
    {"topk:0.25", has_decode_sparse | has_decode_axpy | has_decode_own_sparse | has_subtract_own | has_axpby},
    // What wrappers and wires change.
    {"none:fp16", has_decode_axpy},
    {"ef:none:fp16", has_decode_axpy},
    {"ef:scaled-sign", has_decode_axpy},
    {"ef:randk:0.25", has_decode_sparse | has_decode_axpy},
    {"ef:natural", 0},
    {"ef21:scaled-sign", has_dense_view},
    {"ef21:qsgd:7", has_dense_view},
    {"signum:0.5:majority", has_decode_axpy | has_partial_sums},
    {"signum:0.99:scaled-sign", has_decode_axpy}};

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
  void decode_own(const Bucket&, const Message&, std::span<float>) override {}

 protected:
  void pack(const Bucket&, std::span<const float>, Message&) override {}
};

struct Opened : AxpbyEncoder {
  using AxpbyEncoder::pack_axpby;
};

template <class Member>
bool overrides(Encoder& encoder, Member member) {
  PlainEncoder plain;
  AxpbyEncoder* const own = encoder.axpby();
  return own != nullptr && function_of<AxpbyEncoder>(*own, member) != function_of<AxpbyEncoder>(AxpbyEncoder(plain), member);
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
    for (const Bucket& bucket : two_buckets(*compressor, layout.total(), 640)) {
      std::vector<Message> messages(2);
      std::vector<MessageView> views;
      for (std::size_t a = 0; a < 2; ++a) {
        session.encoders[a]->encode(bucket, part_of(std::span(gradients[a]), bucket), messages[a]);
        note(has_decode_own_sparse, decode_own_sparse(*session.encoders[a], bucket, messages[a]).has_value());
        views.push_back(view(messages[a]));
      }
      Message aggregate;
      session.aggregator->aggregate(bucket, views, aggregate);
      std::vector<float> x(static_cast<std::size_t>(bucket.size()));
      note(has_dense_view, !dense_view(*session.aggregator, bucket, view(aggregate)).empty());
      note(has_decode_axpy, decode_axpy(*fused, bucket, view(aggregate), 0.3f, x));
      note(has_decode_sparse, decode_sparse(*listed, bucket, view(aggregate)).has_value());
    }
  }
  Encoder& encoder = *session.encoders[0];
  note(has_subtract_own, overrides(encoder, &AxpbyEncoder::subtract_own));
  note(has_axpby, overrides(encoder, &AxpbyEncoder::begin_step_axpby) || overrides(encoder, &Opened::pack_axpby));
  note(has_partial_sums, session.aggregator->partial_sums() != nullptr);
  note(has_feedback, fused_feedback_encoder(*compressor, Feedback::ef14, 0) != nullptr &&
                         fused_feedback_encoder(*compressor, Feedback::ef21, 0) != nullptr);
  return paths;
}

TEST(FastPaths, AreThoseOfTheTable) {
  for (const auto& [spec, expected] : table) {
    EXPECT_EQ(to_text(paths_of(spec)), to_text(expected)) << spec;
  }
}

TEST(FastPaths, TheTableHasEveryMember) {
  for (const auto& spec : one_round_specs()) {
    if (table.contains(spec)) continue;
    ADD_FAILURE() << "compressor '" << spec << "' is not in the table of tests/conformance/fast_paths_test.cpp; it takes these, so "
                  << "unless that is a surprise add {\"" << spec << "\", " << to_text(paths_of(spec)) << "},";
  }
}

TEST(FastPaths, AnOverrideIsTold) {
  class Subtracts final : public PlainEncoder, public AxpbyEncoder {
   public:
    Subtracts() : AxpbyEncoder(static_cast<Encoder&>(*this)) {}
    AxpbyEncoder* axpby() override { return this; }
    bool subtract_own(const Bucket&, std::span<float>, float, const Message&) override { return true; }
  };
  Subtracts subtracts;
  PlainEncoder plain;
  EXPECT_TRUE(overrides(subtracts, &AxpbyEncoder::subtract_own));
  EXPECT_FALSE(overrides(subtracts, &Opened::pack_axpby));
  EXPECT_FALSE(overrides(plain, &AxpbyEncoder::subtract_own));
}

}  // namespace
}  // namespace tersegrad::testing
