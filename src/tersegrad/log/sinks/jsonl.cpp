// metrics.jsonl: one JSON object per record, with every column. NaN and infinities are null. Columns that have another
// name since follow once more under their earlier names, last.
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tersegrad/log/renamed.hpp"
#include "tersegrad/log/write/log.hpp"
#include "tersegrad/log/write/text_file.hpp"

namespace tersegrad {
namespace {

class JsonLinesSink final : public Sink {
 public:
  void begin(const RunInfo& info) override {
    file_ = std::make_unique<TextFile>(sink_path(info, "jsonl", "metrics.jsonl"));
    keys_.clear();
    for (const auto& column : info.columns) add_key(column.name);
    for (const auto& [name, column] : earlier_names(info.columns)) {
      add_key(name);
      repeated_.push_back(column);
    }
    file_->flush();
  }

  void write(const std::vector<double>& record) override {
    line_.clear();
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      line_ += keys_[i];
      append_number(line_, record[i < record.size() ? i : repeated_[i - record.size()]], NonFinite::null);
    }
    line_ += "}\n";
    file_->write(line_);
  }

  void flush() override { file_->flush(); }
  void finish(const LogFields&) override { file_->commit(); }

 private:
  void add_key(const std::string& name) {
    std::string key = keys_.empty() ? "{" : ",";
    key += nlohmann::json(name).dump();
    keys_.push_back(key + ":");
  }

  std::unique_ptr<TextFile> file_;
  std::vector<std::string> keys_;  // each with the punctuation around it
  std::vector<std::size_t> repeated_;  // columns that the last keys, earlier names, stand for
  std::string line_;
};

const Registration<Sink> registration{"jsonl", "metrics.jsonl: one JSON object per logged step", {},
                                      [](const Arguments&) { return std::make_unique<JsonLinesSink>(); }};

}  // namespace
}  // namespace tersegrad
