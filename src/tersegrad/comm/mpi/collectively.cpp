#include "tersegrad/comm/mpi/collectively.hpp"

#include <new>
#include <sstream>
#include <system_error>

#include "tersegrad/core/hash.hpp"

namespace tersegrad {
namespace {

std::span<const std::byte> text_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string text_from(const Gathered& gathered, int rank) {
  const auto bytes = gathered.from(rank);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string one_line(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return "out of memory; use fewer agents per rank or a smaller model or batch";
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  if (system != nullptr && system->code() == std::errc::resource_unavailable_try_again)
    return "cannot start a thread; allow more address space (ulimit -v) or more processes (ulimit -u)";
  std::string text = error.what();
  if (dynamic_cast<const Error*>(&error) != nullptr) {  // a name of the user's, shown as it is written elsewhere
    for (std::size_t at; (at = text.find('\n')) != std::string::npos;) text.replace(at, 1, "\\n");
  }
  const std::string line = text.substr(0, text.find('\n'));
  return line.empty() ? "an exception without text" : line;
}

void collectively(const Communicator& comm, const std::function<void()>& work) {
  std::string failure;
  try {
    work();
  } catch (const std::exception& error) {
    failure = one_line(error);
  }
  // The usual case costs one small reduction.
  std::int64_t failed = failure.empty() ? 0 : 1;
  comm.sum(std::span(&failed, 1));
  if (failed == 0) return;
  const auto texts = comm.all_gather_pieces(text_bytes(failure));
  for (int r = 0; r < comm.size(); ++r) {
    const auto text = text_from(texts, r);
    if (text.empty()) continue;
    const bool everywhere = failed == comm.size();
    throw CollectiveError(everywhere ? text : concat("rank ", r, ": ", text));
  }
}

void require_same(const Communicator& comm, const std::string& text, const std::string& what,
                  const std::string& advice) {
  const auto texts = comm.all_gather_pieces(text_bytes(text));
  const std::string wanted = text_from(texts, 0);
  for (int r = 1; r < comm.size(); ++r) {
    const std::string got = text_from(texts, r);
    if (got == wanted) continue;
    std::istringstream first(wanted), second(got);
    std::string a, b;
    while (std::getline(first, a) && std::getline(second, b) && a == b) {
    }
    throw CollectiveError(concat("ranks disagree on ", what, ": rank 0 has '", a, "', rank ", r, " has '", b,
                                 "'; ", advice));
  }
}

bool make_same(const Communicator& comm, std::span<std::byte> bytes) {
  const std::uint64_t own = fingerprint(bytes);
  std::uint64_t first = own;
  comm.broadcast(std::as_writable_bytes(std::span(&first, 1)), 0);
  std::int64_t others = own == first ? 0 : 1;
  comm.sum(std::span(&others, 1));
  if (others == 0) return false;
  comm.broadcast(bytes, 0);
  return true;
}

}  // namespace tersegrad
