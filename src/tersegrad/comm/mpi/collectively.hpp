// Errors that may strike some ranks only, turned into the same error on all.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <span>
#include <string>

#include "tersegrad/comm/mpi/communicator.hpp"
#include "tersegrad/core/error.hpp"

namespace tersegrad {

/// What a user reads of an exception: its first line (LibTorch appends a C++ stack), and words for std::bad_alloc.
std::string one_line(const std::exception& error);

/// Thrown on every rank together, with the same text: no rank is left waiting for another.
class CollectiveError : public Error {
 public:
  using Error::Error;
};

/// What another rank sent is not what it must be. Several ranks may see the same fault at the same moment; whoever
/// throws this has told rank 0, and has given it time to speak.
class PeerError : public Error {
 public:
  using Error::Error;
};

/// Runs `work` on every rank; if it throws on any, throws a CollectiveError everywhere, with the lowest failing
/// rank's text (prefixed by that rank unless all failed alike). Collective; `work` must not communicate, because a
/// rank that throws halfway would leave the others inside its collective.
void collectively(const Communicator& comm, const std::function<void()>& work);

/// Checks that every rank passes the same text, line by line ("name = value").
/// \param advice what to do about it, the end of the error's text
/// \throws CollectiveError naming the first rank and line that differ from rank 0's. Collective.
void require_same(const Communicator& comm, const std::string& text, const std::string& what,
                  const std::string& advice);

/// Gives every rank the bytes of rank 0. They travel only if some rank has others, which a 64-bit fingerprint tells:
/// ranks that made their parameters from one seed have the same ones, and on a slow link a model takes minutes.
/// \return whether they travelled. Collective; the same number of bytes everywhere.
bool make_same(const Communicator& comm, std::span<std::byte> bytes);

}  // namespace tersegrad
