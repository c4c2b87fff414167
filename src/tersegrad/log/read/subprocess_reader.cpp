#include "tersegrad/log/read/subprocess_reader.hpp"

#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "tersegrad/core/error.hpp"
#include "tersegrad/log/read/run_file.hpp"
#include "tersegrad/log/read/subprocess.hpp"

namespace tersegrad {
namespace {

using Json = nlohmann::json;

Json pack_fields(const LogFields& fields) {
  Json all = Json::array();
  for (const auto& field : fields) {
    all.push_back({field.key, std::visit([](const auto& value) { return Json(value); }, field.value), field.unit});
  }
  return all;
}

LogFields unpack_fields(const Json& all) {
  LogFields fields;
  for (const Json& item : all) {
    const Json& value = item.at(1);
    LogField field{item.at(0), false, item.at(2)};
    if (value.is_boolean()) field.value = value.get<bool>();
    else if (value.is_number_integer()) field.value = value.get<std::int64_t>();
    else if (value.is_number()) field.value = value.get<double>();
    else field.value = value.get<std::string>();
    fields.push_back(std::move(field));
  }
  return fields;
}

/// The length of the head, the head as CBOR (which keeps NaN and infinities), then the series one after another.
std::string pack_run(const RunFile& file, const std::vector<std::string>& series) {
  Json head{{"path", file.path().string()}, {"finished", file.finished()}, {"records", file.records()}};
  head["configuration"] = pack_fields(file.configuration());
  head["summary"] = pack_fields(file.summary());
  head["columns"] = Json::array();
  for (const auto& column : file.columns()) head["columns"].push_back({column.name, column.unit, column.description});
  head["series"] = Json::array();
  std::string body;
  for (const auto& name : series) {
    if (!file.has(name)) continue;
    const std::vector<double> values = file.series(name);
    head["series"].push_back(name);
    body.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  }
  std::string packed(sizeof(std::uint64_t), '\0');
  Json::to_cbor(head, packed);
  const std::uint64_t length = packed.size() - sizeof(std::uint64_t);
  std::memcpy(packed.data(), &length, sizeof length);
  return packed + body;
}

RunData unpack_run(const std::string& packed) {
  std::uint64_t length = 0;
  if (packed.size() < sizeof length) throw std::runtime_error("answer too short");
  std::memcpy(&length, packed.data(), sizeof length);
  if (length > packed.size() - sizeof length) throw std::runtime_error("answer too short");
  const auto begin = packed.begin() + sizeof length;
  const Json head = Json::from_cbor(begin, begin + static_cast<std::ptrdiff_t>(length));
  RunData run;
  run.path = head.at("path").get<std::string>();
  run.finished = head.at("finished");
  run.records = head.at("records");
  run.configuration = unpack_fields(head.at("configuration"));
  run.summary = unpack_fields(head.at("summary"));
  for (const Json& column : head.at("columns")) run.columns.push_back({column.at(0), column.at(1), column.at(2)});
  std::size_t at = sizeof length + length;
  const std::size_t bytes = static_cast<std::size_t>(run.records) * sizeof(double);
  for (const Json& name : head.at("series")) {
    if (run.records < 0 || bytes > packed.size() - at) throw std::runtime_error("answer too short");
    auto& values = run.series[name.get<std::string>()];
    values.resize(static_cast<std::size_t>(run.records));
    if (bytes > 0) std::memcpy(values.data(), packed.data() + at, bytes);  // of no records there is no memory either
    at += bytes;
  }
  return run;
}

RunData unpack(const std::filesystem::path& run, const std::function<std::string()>& work) {
  const std::string subject = concat("'", run.string(), "'");
  const std::string packed = run_in_subprocess(subject, reading_limit_s(run), work);
  try {
    return unpack_run(packed);
  } catch (const std::exception& error) {
    throw Error(concat(subject, " is damaged (", error.what(), ")"));
  }
}

}  // namespace

double reading_limit_s(const std::filesystem::path& run) {
  std::error_code none;
  double bytes = 0;
  for (const auto& file : {run, run / "run.h5", run / "run.h5.part"}) {
    if (std::filesystem::is_regular_file(file, none))
      bytes += static_cast<double>(std::filesystem::file_size(file, none));
  }
  return 3 + bytes / 1e7;
}

RunData read_in_subprocess(const std::filesystem::path& run, const std::vector<std::string>& series) {
  return unpack(run, [&] { return pack_run(RunFile::open(run), series); });
}

RunData read_in_subprocess(const std::filesystem::path& run) {
  return unpack(run, [&] {
    const RunFile file = RunFile::open(run);
    std::vector<std::string> series;
    for (const auto& column : file.columns()) series.push_back(column.name);
    return pack_run(file, series);
  });
}

}  // namespace tersegrad
