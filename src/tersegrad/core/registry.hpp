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
#include "tersegrad/core/plugin.hpp"
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
    std::string plugin = {};  ///< for messages, whose it is: plug-in 'block-sign' (block_sign.so); "": the program's
  };

  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  /// Of a plug-in (core/plugin.hpp) a name that is taken is noted, and the loader refuses it.
  /// \throws Bug for a name that is taken in the program itself
  void add(const std::string& name, Entry entry) {
    if (!claim(name)) return;
    if (const LoadingPlugin* const plugin = loading_plugin()) entry.plugin = plugin->title;
    entries_.emplace(name, std::move(entry));
  }

  /// From now on `old`, which an earlier version called it, means the member `name`. It is accepted and not listed.
  /// As add(). \throws Bug for an `old` that is taken, or a `name` that is no member's
  void alias(const std::string& old, const std::string& name) {
    TERSEGRAD_ASSERT(entries_.contains(name), Interface::family, " '", name, "' of the alias '", old, "' is not registered");
    if (claim(old)) aliases_.emplace(old, name);
  }

  /// A spec with the member's present name instead of an alias, else as it is: what is shown and recorded.
  std::string canonical(const std::string& spec) const {
    const std::string name = Spec::parse(spec).name;
    const auto found = aliases_.find(name);
    return found == aliases_.end() ? spec : found->second + spec.substr(name.size());
  }

  /// The member that `spec` names. \throws Error for an unknown name (listing the known) or impossible arguments.
  std::unique_ptr<Interface> make(std::string_view spec, Context... context) const {
    const Spec parsed = Spec::parse(spec);
    const auto renamed = aliases_.find(parsed.name);
    const auto found = entries_.find(renamed == aliases_.end() ? parsed.name : renamed->second);
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
  /// Whether a name is free, for whoever registers now.
  bool claim(const std::string& name) const {
    const auto renamed = aliases_.find(name);
    const auto holder = entries_.find(renamed == aliases_.end() ? name : renamed->second);
    const bool taken = holder != entries_.end();
    if (LoadingPlugin* const plugin = loading_plugin()) {
      const std::string member = concat(Interface::family, " '", name, "'");
      if (!taken) plugin->members.push_back(member);
      if (taken && plugin->refusal.empty()) {
        plugin->refusal = concat(member, " is taken already, by ", holder->second.plugin.empty() ? "the program itself" : holder->second.plugin);
      }
    } else {
      TERSEGRAD_ASSERT(!taken, Interface::family, " '", name, "' is registered twice");
    }
    return !taken;
  }

  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> aliases_;  // from an earlier name to the present one
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

/// Registers an earlier name of a member; after its Registration, in the same file.
///
///     const Alias<Exchange, const ExchangeSetup&> alias{"local", "hierarchical"};
template <class Interface, class... Context>
class Alias {
 public:
  Alias(const std::string& old, const std::string& name) { Registry<Interface, Context...>::instance().alias(old, name); }
};

}  // namespace tersegrad
