#include "apps/tersegrad/train/train_options.hpp"

#include <memory>
#include <vector>

#include <cxxopts.hpp>

#include "apps/common/command.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/train/options/option_table.hpp"

namespace tersegrad {
namespace {

std::shared_ptr<cxxopts::Value> value_of(const Option& option) {
  if (option.field.kind == ValueKind::flag) return cxxopts::value<bool>();
  if (option.field.kind == ValueKind::list) return cxxopts::value<std::vector<std::string>>();
  auto value = cxxopts::value<std::string>();
  if (!option.without_value.empty()) value->implicit_value(option.without_value);
  if (const std::string text = option.default_text(); !text.empty()) value->default_value(text);
  return value;
}

cxxopts::Options declared_options() {
  cxxopts::Options options(
      "tersegrad train",
      "Train with compressed gradients. Start it on MPI ranks: launch/local -n 4 train …, mpirun -np 5 tersegrad train …, srun --mpi=pmix …\n"
      "Plug-ins are spelled name:argument, e.g. randk:0.01, student:3:0.1, vit:patch=7,width=64; `tersegrad list` shows all.\n");
  for (const Option& option : train_options()) {
    const std::string letter = option.letter == 0 ? std::string() : std::string(1, option.letter) + ",";
    options.add_options(option.group)(letter + option.name, option.help, value_of(option));
  }
  return options;
}

/// An option's text as OptionValues has it. \param parsed  in which it is given
std::string text_of(const cxxopts::ParseResult& parsed, const Option& option) {
  if (option.field.kind == ValueKind::flag) return "1";
  if (option.field.kind != ValueKind::list) return parsed[option.name].as<std::string>();
  std::string text;
  for (const auto& item : parsed[option.name].as<std::vector<std::string>>()) text += item + ",";
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace

OptionValues parse_train_options(int argc, char** argv) {
  auto options = declared_options();
  bool help = false;
  const auto parsed = parse_options(options, argc, argv, help);
  OptionValues values;
  for (const Option& option : train_options()) {
    if (parsed.count(option.name)) values.give(option.name, text_of(parsed, option));
  }
  return values;
}

std::string train_help() { return declared_options().help(); }

}  // namespace tersegrad
