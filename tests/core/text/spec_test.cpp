#include "tersegrad/core/text/spec.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/registry.hpp"

namespace tersegrad {
namespace {

std::string refusal(const std::string& text, const std::vector<Parameter>& declared) {
  try {
    Arguments("thing", Spec::parse(text), declared);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::vector<Parameter> student = {{"nu", "", "tail index"}, {"sigma", "1", "scale"}};

TEST(Spec, ArgumentsByPositionAndByName) {
  const Arguments byPosition("noise", Spec::parse("student:3:0.1"), student);
  EXPECT_EQ(byPosition.real("nu"), 3);
  EXPECT_EQ(byPosition.real("sigma"), 0.1);
  const Arguments byName("noise", Spec::parse("student:sigma=2,nu=inf"), student);
  EXPECT_TRUE(std::isinf(byName.real("nu", 0)));
  EXPECT_EQ(byName.real("sigma"), 2);
  EXPECT_EQ(Arguments("noise", Spec::parse("student:3"), student).real("sigma"), 1);
}

TEST(Spec, RefusesWhatItCannotUse) {
  EXPECT_NE(refusal("student", student).find("needs the argument 'nu'"), std::string::npos);
  EXPECT_NE(refusal("student:1:2:3", student).find("too many arguments"), std::string::npos);
  EXPECT_NE(refusal("student:1:mu=2", student).find("unknown argument 'mu'"), std::string::npos);
  EXPECT_NE(refusal("student:1:nu=2", student).find("given twice"), std::string::npos);
  for (const char* text : {"", ":", "a:", "a::b", ",", "a,"}) EXPECT_THROW(Spec::parse(text), Error) << text;
}

TEST(Spec, ChecksValues) {
  const Arguments arguments("noise", Spec::parse("student:3x:-1"), student);
  EXPECT_THROW(arguments.real("nu"), Error);
  EXPECT_THROW(arguments.real("sigma", 0), Error);
  EXPECT_EQ(arguments.integer("sigma"), -1);
  EXPECT_THROW(arguments.integer("sigma", 0), Error);
  EXPECT_THROW(Arguments("noise", Spec::parse("student:nan"), student).real("nu"), Error);
}

TEST(Spec, RestOfASpecGoesToTheWrapped) {
  const std::vector<Parameter> wrapper = {{"inner...", "", "compressor"}};
  EXPECT_EQ(Arguments("compressor", Spec::parse("ef:topk:0.01"), wrapper).text("inner"), "topk:0.01");
  EXPECT_EQ(Arguments("compressor", Spec::parse("ef:topk:k=0.01,wire=fp16"), wrapper).text("inner"),
            "topk:k=0.01,wire=fp16");
}

TEST(Spec, Numbers) {
  std::int64_t n = 0;
  EXPECT_TRUE(parse_integer("1e6", n));
  EXPECT_EQ(n, 1000000);
  EXPECT_FALSE(parse_integer("1.5", n));
  EXPECT_FALSE(parse_integer("12 ", n));
  EXPECT_FALSE(parse_integer("", n));
  EXPECT_FALSE(parse_integer("99999999999999999999", n));
}

TEST(Spec, LengthIsBounded) {
  std::string nested;
  while (nested.size() + 9 <= longest_spec) nested += "ef:";
  EXPECT_EQ(Spec::parse(nested + "none").name, "ef");
  try {
    Spec::parse(nested + std::string(longest_spec, 'x'));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("at most 4096"), std::string::npos) << error.what();
    EXPECT_LT(std::string(error.what()).size(), 200u);
  }
}

TEST(Spec, ErrorsStayOneLineWhateverIsGiven) {
  for (const char* text : {"a\nb", "\n", "sign:zero=\r", "topk:\t5", "x\x7fy", "\x01"}) {
    try {
      Spec::parse(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find_first_of("\n\r"), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(Spec::parse("größe:1").name, "größe");
}

struct Thing {
  static constexpr const char* family = "thing";
  virtual ~Thing() = default;
};

TEST(Registry, UnknownNameListsTheKnown) {
  Registry<Thing> registry;
  registry.add("alpha", {"first", {}, [](const Arguments&) { return std::make_unique<Thing>(); }});
  registry.add("beta", {"second", {}, [](const Arguments&) { return std::make_unique<Thing>(); }});
  EXPECT_NE(registry.make("alpha"), nullptr);
  try {
    registry.make("gamma");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "unknown thing 'gamma' (known: alpha, beta)");
  }
  EXPECT_THROW(registry.add("alpha", {}), Bug);
}

TEST(Registry, AnAliasIsTheMemberAndIsNotListed) {
  Registry<Thing> registry;
  std::string made_as;
  registry.add("alpha", {"first", {{"size", "3", ""}}, [&](const Arguments& arguments) {
                 made_as = concat(arguments.spec().text, " with ", arguments.text("size"));
                 return std::make_unique<Thing>();
               }});
  registry.alias("old", "alpha");
  EXPECT_NE(registry.make("old:7"), nullptr);
  EXPECT_EQ(made_as, "old:7 with 7");
  EXPECT_EQ(registry.names(), std::vector<std::string>{"alpha"});
  EXPECT_EQ(registry.entries().size(), 1u);
  EXPECT_EQ(registry.canonical("old:7,x=1"), "alpha:7,x=1");
  EXPECT_EQ(registry.canonical("old"), "alpha");
  EXPECT_EQ(registry.canonical("older:7"), "older:7");
  EXPECT_EQ(registry.canonical("alpha:7"), "alpha:7");
  try {
    registry.make("older");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "unknown thing 'older' (known: alpha)");
  }
}

TEST(Registry, AnAliasThatIsTakenOrOfNobodyIsABug) {
  Registry<Thing> registry;
  registry.add("alpha", {});
  registry.add("beta", {});
  registry.alias("old", "alpha");
  EXPECT_THROW(registry.alias("old", "alpha"), Bug);   // twice
  EXPECT_THROW(registry.alias("old", "beta"), Bug);
  EXPECT_THROW(registry.alias("beta", "alpha"), Bug);  // a member
  EXPECT_THROW(registry.alias("older", "gamma"), Bug); // of nobody
  EXPECT_THROW(registry.alias("older", "old"), Bug);   // of an alias
  EXPECT_THROW(registry.add("old", {}), Bug);          // a member under an alias's name
}

}  // namespace
}  // namespace tersegrad
