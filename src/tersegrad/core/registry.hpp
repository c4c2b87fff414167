// The one plug-in idiom: a family is an interface with a registry, a member is one file with one registration.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"

namespace tersegrad {

/// The members of one plug-in family, by name.
///
/// `Interface::family` is the family's name in messages ("compressor"). `Context` is what every
/// factory receives beside its arguments (a model: the input's shape and the number of classes).
///
///     const Registration<Compressor> registration{"sign", "one bit a coordinate", {}, make};  // at the end of a member's file
///     auto compressor = Registry<Compressor>::instance().make("sign");
template <class Interface, class... Context>
class Registry {
 public:
  using Factory = std::function<std::unique_ptr<Interface>(const Arguments&, Context...)>;
  struct Entry {
    std::string summary;  ///< one line, no full stop
    std::vector<Parameter> parameters;
    Factory factory;
  };

  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(const std::string& name, Entry entry) {
    TERSEGRAD_ASSERT(entries_.emplace(name, std::move(entry)).second, Interface::family, " '", name,
                    "' is registered twice");
  }

  /// The member that `spec` names. \throws Error for an unknown name (listing the known) or impossible arguments.
  std::unique_ptr<Interface> make(std::string_view spec, Context... context) const {
    const Spec parsed = Spec::parse(spec);
    const auto found = entries_.find(parsed.name);
    TERSEGRAD_CHECK(found != entries_.end(), "unknown ", Interface::family, " '", parsed.name,
                    "' (known: ", join(names()), ")");
    return found->second.factory(Arguments(Interface::family, parsed, found->second.parameters),
                                 std::forward<Context>(context)...);
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, entry] : entries_) all.push_back(name);
    return all;
  }

  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

/// Registers a member at program start; one at the end of each plug-in's file.
template <class Interface, class... Context>
class Registration {
 public:
  Registration(const std::string& name, const std::string& summary, std::vector<Parameter> parameters,
               typename Registry<Interface, Context...>::Factory factory) {
    Registry<Interface, Context...>::instance().add(name, {summary, std::move(parameters), std::move(factory)});
  }
};

}  // namespace tersegrad
