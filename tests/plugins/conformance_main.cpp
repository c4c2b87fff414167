// The conformance suite over the compressors of a plug-in: plugin_conformance --plugin FILE.so [GoogleTest's options].
#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "apps/common/plugin_option.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/plugins.hpp"

namespace {

/// The tests whose parameter is a spelling of this member: "block-sign" is block_sign in a test's name.
std::string tests_of(std::string name) {
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return "*/" + name + ":*/" + name + "_*:";
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> words(argv, argv + argc);
  std::string filter;
  try {
    tersegrad::load_given_plugins(words);
    for (const auto& plugin : tersegrad::loaded_plugins()) {
      for (const std::string& member : plugin.members) {
        const std::string family = "compressor '";
        if (member.starts_with(family)) filter += tests_of(member.substr(family.size(), member.size() - family.size() - 1));
      }
    }
    TERSEGRAD_CHECK(!filter.empty(), "no --plugin FILE.so with a compressor is given");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plugin_conformance: %s\n", error.what());
    return 1;
  }
  GTEST_FLAG_SET(filter, filter);
  int count = static_cast<int>(words.size());
  words.push_back(nullptr);
  testing::InitGoogleTest(&count, words.data());  // here the suites ask the registry for its members
  const int status = RUN_ALL_TESTS();
  return testing::UnitTest::GetInstance()->test_to_run_count() > 0 ? status : 1;
}
