#include "apps/common/command.hpp"

#include <algorithm>
#include <iostream>
#include <string_view>

#include "apps/common/plugin_option.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {

namespace {

/// cxxopts writes typographic quotes; one kind in all messages, and one that every terminal shows.
std::string plain_quotes(std::string text) {
  for (const std::string_view quote : {"\u2018", "\u2019"}) {
    for (std::size_t at; (at = text.find(quote)) != std::string::npos;) text.replace(at, quote.size(), "'");
  }
  return text;
}

}  // namespace

cxxopts::ParseResult parse_options(cxxopts::Options& options, int argc, char** argv, bool& done) {
  done = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    // What is wrong is the value: the option before it, or the one that it is joined to.
    const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view before = i > 1 ? argv[i - 1] : "";
    const std::string option = equals != std::string_view::npos ? std::string(word.substr(0, equals))
                               : before.starts_with("-")        ? std::string(before)
                                                                : "an argument";
    require_printable(equals == std::string_view::npos ? word : word.substr(equals + 1), printable(option));
  }
  declare_plugin_option(options);
  try {
    auto result = options.parse(argc, argv);
    if (result.count("help")) {
      std::cout << options.help() << std::flush;
      done = true;
    } else if (!result.unmatched().empty()) {
      throw Error(concat("unexpected argument '", result.unmatched().front(), "'; see ", options.program(), " --help"));
    }
    return result;
  } catch (const cxxopts::exceptions::no_such_option& error) {
    std::vector<std::string> known;
    for (const auto& group : options.groups()) {
      for (const auto& option : options.group_help(group).options) {
        if (!option.l.empty()) known.push_back("--" + option.l.front());
      }
    }
    std::sort(known.begin(), known.end());  // cxxopts keeps its groups in no order
    throw Error(concat(plain_quotes(error.what()), " (known: ", join(known, " "), ")"));
  } catch (const cxxopts::exceptions::exception& error) {
    throw Error(concat(plain_quotes(error.what()), "; see ", options.program(), " --help"));
  }
}

}  // namespace tersegrad
