#include "tersegrad/log/isolated.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>

#include <nlohmann/json.hpp>

#include "tersegrad/core/error.hpp"
#include "tersegrad/log/run_file.hpp"

namespace tersegrad {
namespace {

using Json = nlohmann::json;
constexpr std::uint64_t gigabyte = std::uint64_t{1} << 30;
constexpr char succeeded = '+', failed = '-';

/// Bounds for the child: processor time, and memory beyond what the program maps already.
void limit_resources(double processor_s) {
  const auto seconds = static_cast<rlim_t>(std::ceil(processor_s));
  const rlimit time{seconds, seconds + 1}, no_core{0, 0};
  ::setrlimit(RLIMIT_CPU, &time);
  ::setrlimit(RLIMIT_CORE, &no_core);
  unsigned long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  if (pages == 0) return;
  const rlim_t limit = pages * static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)) + 8 * gigabyte;
  const rlimit memory{limit, limit};
  ::setrlimit(RLIMIT_AS, &memory);
}

[[noreturn]] void child(int out, double processor_s, const std::function<std::string()>& work) {
  std::string answer;
  const int nowhere = ::open("/dev/null", O_WRONLY);  // "free(): invalid pointer" is no message for users
  if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  try {
    limit_resources(processor_s);
    answer = succeeded + work();
  } catch (const std::exception& error) {
    answer = failed + std::string(error.what());
  }
  for (std::size_t sent = 0; sent < answer.size();) {
    const ssize_t part = ::write(out, answer.data() + sent, answer.size() - sent);
    if (part < 0 && errno != EINTR) break;
    if (part > 0) sent += static_cast<std::size_t>(part);
  }
  ::_exit(0);
}

/// Everything from `in` until its end. \returns whether the end came in time
bool receive(int in, double silence_s, std::string& answer) {
  char chunk[1 << 16];
  for (;;) {
    pollfd waiting{in, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(silence_s * 1000));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::read(in, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    answer.append(chunk, static_cast<std::size_t>(got));
  }
}

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

}  // namespace

std::string run_isolated(const std::string& subject, double processor_s, const std::function<std::string()>& work) {
  int ends[2];
  TERSEGRAD_CHECK(::pipe(ends) == 0, "cannot start a process to read ", subject, ": ", std::strerror(errno));
  std::fflush(nullptr);  // what is buffered must not be printed twice
  const pid_t pid = ::fork();
  if (pid < 0) {
    const int reason = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw Error(concat("cannot start a process to read ", subject, ": ", std::strerror(reason)));
  }
  if (pid == 0) {
    ::close(ends[0]);
    child(ends[1], processor_s, work);
  }
  ::close(ends[1]);
  std::string answer;
  // Ten times as long by the clock: on a busy machine a child that works may well wait for a processor.
  bool in_time = receive(ends[0], 10 * processor_s, answer);
  ::close(ends[0]);
  if (!in_time) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) in_time = false;
  TERSEGRAD_CHECK(in_time, subject, " is damaged (reading it does not end)");
  TERSEGRAD_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && !answer.empty(), subject,
                  " is damaged (reading it crashes)");
  const bool fine = answer.front() == succeeded;
  answer.erase(0, 1);
  if (!fine) throw Error(answer);
  return answer;
}

RunData read_isolated(const std::filesystem::path& run, const std::vector<std::string>& series) {
  const std::string subject = concat("'", run.string(), "'");
  // Reading runs at a gigabyte a second; a damaged file that hangs the library is told from a long one by its size.
  std::error_code none;
  double bytes = 0;
  for (const auto& file : {run, run / "run.h5", run / "run.h5.part"}) {
    if (std::filesystem::is_regular_file(file, none))
      bytes += static_cast<double>(std::filesystem::file_size(file, none));
  }
  const std::string packed =
      run_isolated(subject, 3 + bytes / 1e7, [&] { return pack_run(RunFile::open(run), series); });
  try {
    return unpack_run(packed);
  } catch (const std::exception& error) {
    throw Error(concat(subject, " is damaged (", error.what(), ")"));
  }
}

}  // namespace tersegrad
