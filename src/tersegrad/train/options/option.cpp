#include "tersegrad/train/options/option.hpp"

#include <algorithm>

#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

std::string option_name(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

std::string Option::key() const {
  std::string key = name;
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string Option::default_text() const {
  if (!fallback.empty() || !field.text) return fallback;
  return field.text(TrainConfig());
}

std::string Option::placeholder() const {
  std::vector<std::string> all = field.words;
  switch (field.kind) {
    case ValueKind::flag: return "";
    case ValueKind::word: break;
    case ValueKind::integer: all.push_back("N"); break;
    case ValueKind::real: all.push_back("X"); break;
    case ValueKind::text: all.push_back("TEXT"); break;
    case ValueKind::path: all.push_back("DIR"); break;
    case ValueKind::list: all.push_back("TEXT,…"); break;
  }
  return join(all, "|");
}

}  // namespace tersegrad
