// What a program has of one kind, by name: its commands, benches, figures.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

/// The members of one kind. Unlike a Registry's they are values that take no arguments. `Member::family` is the kind's
/// name in messages ("command").
///
///     const CatalogueEntry<Bench> entry{"kernels", {"each kernel beside a plain read", run}};  // at the end of a member's file
///     const Bench& bench = Catalogue<Bench>::instance().at("kernels");
template <class Member>
class Catalogue {
 public:
  static Catalogue& instance() {
    static Catalogue catalogue;
    return catalogue;
  }

  /// \throws Bug for a name that is taken
  void add(const std::string& name, Member member) {
    TERSEGRAD_ASSERT(members_.emplace(name, std::move(member)).second, Member::family, " '", name, "' is registered twice");
  }

  /// \throws Error for an unknown name (listing the known)
  const Member& at(const std::string& name) const {
    const auto found = members_.find(name);
    TERSEGRAD_CHECK(found != members_.end(), "unknown ", Member::family, " '", name, "' (known: ", join(names()), ")");
    return found->second;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, member] : members_) all.push_back(name);
    return all;
  }

  /// In the names' order.
  const std::map<std::string, Member>& members() const { return members_; }

 private:
  std::map<std::string, Member> members_;
};

/// Registers a member at program start; one at the end of each member's file.
template <class Member>
struct CatalogueEntry {
  CatalogueEntry(const std::string& name, Member member) { Catalogue<Member>::instance().add(name, std::move(member)); }
};

}  // namespace tersegrad
