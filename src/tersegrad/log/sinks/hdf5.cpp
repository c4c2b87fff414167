// run.h5: /config and /summary as attributes, every column as the growing dataset /series/<name>.
// A value of configuration or summary with a unit has it beside it, as the attribute "<key>.unit".
// A series that has another name since is also found under its earlier one: a hard link to the same data.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/log/hdf5/hdf5_file.hpp"
#include "tersegrad/log/renamed.hpp"
#include "tersegrad/log/write/flush_timer.hpp"
#include "tersegrad/log/write/log.hpp"

namespace tersegrad {
namespace {

class Hdf5Sink final : public Sink {
 public:
  ~Hdf5Sink() override {
    try {
      if (file_) drain();  // a run that ends by an error keeps every record in its .part file
    } catch (const Error&) {
    }
  }

  void begin(const RunInfo& info) override {
    path_ = sink_path(info, "hdf5", "run.h5");
    file_ = std::make_unique<Hdf5File>(Hdf5File::create(partial_path(path_)));
    file_->set_attribute("/", "format", std::string("tersegrad run"));
    file_->set_attribute("/", "format_version", std::int64_t{1});
    write_fields("/config", info.configuration);
    file_->create_group("/series");
    // A short run gets small chunks: HDF5 stores whole ones.
    const std::int64_t rows = std::clamp<std::int64_t>(info.steps > 0 ? info.steps : 1024, 64, 4096);
    for (const auto& column : info.columns) {
      names_.push_back("/series/" + column.name);
      file_->create_growing<double>(names_.back(), rows);
      file_->set_attribute(names_.back(), "unit", column.unit);
      file_->set_attribute(names_.back(), "description", column.description);
    }
    for (const auto& [name, column] : earlier_names(info.columns)) file_->create_link("/series/" + name, names_[column]);
    buffers_.resize(names_.size());
    limit_ = static_cast<std::size_t>(rows);
    file_->start_streaming();
  }

  void write(const std::vector<double>& record) override {
    for (std::size_t i = 0; i < record.size(); ++i) buffers_[i].push_back(record[i]);
    if (buffers_.front().size() >= limit_ || timer_.due()) drain();
  }

  void flush() override { drain(); }

  void finish(const LogFields& summary) override {
    drain();
    file_->close();
    // The summary goes into a copy: until that is whole, the streamed file is one that a resumed run can read, whenever
    // this process is killed. (HDF5 cannot read a file whose writer died outside of streaming.)
    auto whole = path_;
    whole += ".new";
    copy_content(partial_path(path_), partial_path(whole));
    file_ = std::make_unique<Hdf5File>(Hdf5File::edit(partial_path(whole)));
    write_fields("/summary", summary);
    file_->close();
    file_.reset();
    commit_file(whole);
    move_file(whole, path_);
    std::error_code error;
    std::filesystem::remove(partial_path(path_), error);
  }

 private:
  void write_fields(const std::string& group, const LogFields& fields) {
    file_->create_group(group);
    for (const auto& field : fields) {
      file_->set_attribute(group, field.key, field.value);
      if (!field.unit.empty()) file_->set_attribute(group, field.key + ".unit", field.unit);
    }
  }

  void drain() {
    if (buffers_.empty()) return;
    timer_.run([&] {
      for (std::size_t i = 0; i < names_.size(); ++i) {
        file_->append(names_[i], std::span<const double>(buffers_[i]));
        buffers_[i].clear();
      }
      file_->flush();
      require_present(partial_path(path_));
    });
  }

  std::filesystem::path path_;
  std::unique_ptr<Hdf5File> file_;
  std::vector<std::string> names_;
  std::vector<std::vector<double>> buffers_;
  std::size_t limit_ = 0;
  FlushTimer timer_;
};

const Registration<Sink> registration{"hdf5", "run.h5: configuration, every series, summary, with units", {},
                                      [](const Arguments&) { return std::make_unique<Hdf5Sink>(); }};

}  // namespace
}  // namespace tersegrad
