// A stopped run's metrics.csv, from which a resumed one takes its past where run.h5 is lost.
// The first byte: how many records the checkpoint was taken behind.
#include "fuzz/folder.hpp"
#include "tersegrad/log/read/past_records.hpp"

namespace tersegrad::fuzz {
namespace {

const std::vector<SeriesInfo> columns{{"step", "", ""}, {"loss", "", ""}, {"time_s", "s", ""}};

}  // namespace

void one_input(std::span<const std::uint8_t> input) {
  static const Folder folder;
  static const PastLog log{"", folder.path() / "metrics.csv"};
  Reader reader(input);
  const LogPast past{1000, reader.byte() % 8};
  put(log.csv, reader.rest());
  refused_or_read([&] {
    const PastRecords records = PastRecords::find(log, columns, past);
    std::int64_t read = 0;
    records.each([&](const std::vector<double>& record) {
      require(record.size() == columns.size(), "a record of another width");
      require(record.front() <= 1000, "a record from behind the checkpoint");
      ++read;
    });
    require(read == past.records, "another number of records");
  });
}

std::vector<Bytes> seeds() {
  const auto of = [](std::uint8_t records, std::string_view text) {
    Bytes input{records};
    input.insert(input.end(), text.begin(), text.end());
    return input;
  };
  return {of(3, "step,loss,time_s\n1,0.5,0.01\n2,nan,0.02\n4,inf,0.03\n5,0."),
          of(2, "other,time_s,step\n1,2,3\n1e308,-0,5e-324\n"), of(0, "step\n"), of(1, "step,step,loss\n1,2,3\n"),
          of(1, "step,loss\r\n1,2\r\n")};
}

}  // namespace tersegrad::fuzz
