// metrics.csv: a heading of column names, then one row per record. What was not measured is "nan". Columns that have
// another name since follow once more under their earlier names, last.
#include <memory>
#include <string>
#include <vector>

#include "tersegrad/log/renamed.hpp"
#include "tersegrad/log/write/log.hpp"
#include "tersegrad/log/write/text_file.hpp"

namespace tersegrad {
namespace {

class CsvSink final : public Sink {
 public:
  void begin(const RunInfo& info) override {
    file_ = std::make_unique<TextFile>(sink_path(info, "csv", "metrics.csv"));
    std::string heading;
    for (const auto& column : info.columns) heading += (heading.empty() ? "" : ",") + column.name;
    for (const auto& [name, column] : earlier_names(info.columns)) {
      heading += "," + name;
      repeated_.push_back(column);
    }
    file_->write(heading + "\n");
    file_->flush();  // a disk that is full or read-only says so before the first step
  }

  void write(const std::vector<double>& record) override {
    row_.clear();
    for (const double value : record) {
      append_number(row_, value, NonFinite::named);
      row_ += ',';
    }
    for (const std::size_t column : repeated_) {
      append_number(row_, record[column], NonFinite::named);
      row_ += ',';
    }
    row_.back() = '\n';
    file_->write(row_);
  }

  void flush() override { file_->flush(); }
  void finish(const LogFields&) override { file_->commit(); }

 private:
  std::unique_ptr<TextFile> file_;
  std::string row_;
  std::vector<std::size_t> repeated_;  // columns that earlier names follow for
};

const Registration<Sink> registration{"csv", "metrics.csv: one row per logged step", {},
                                      [](const Arguments&) { return std::make_unique<CsvSink>(); }};

}  // namespace
}  // namespace tersegrad
