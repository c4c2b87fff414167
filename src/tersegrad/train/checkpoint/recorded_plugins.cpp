#include "tersegrad/train/checkpoint/recorded_plugins.hpp"

#include <algorithm>
#include <sstream>

#include "tersegrad/core/system/plugins.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {

std::string plugin_lines() {
  std::string lines;
  for (const Plugin& plugin : loaded_plugins()) {
    lines += concat(plugin.name, "\t", plugin.version, "\t", plugin.content, "\t", plugin.file.string(), "\n");
  }
  return lines;
}

std::vector<std::string> require_recorded_plugins(const CheckpointView& checkpoint) {
  std::vector<std::string> remarks;
  for (const CheckpointSection& section : checkpoint.sections) {
    if (section.name != plugins_section) continue;
    std::istringstream lines(std::string(reinterpret_cast<const char*>(section.bytes.data()), section.bytes.size()));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream fields(line);
      std::string name, version, content, file;
      for (std::string* field : {&name, &version, &content, &file}) {
        std::getline(fields, *field, '\t');
        *field = printable(*field);
      }
      const auto& all = loaded_plugins();
      const auto loaded = std::find_if(all.begin(), all.end(), [&](const Plugin& plugin) { return plugin.name == name; });
      TERSEGRAD_CHECK(loaded != all.end(), "the run to resume used the plug-in '", name, "' ", version, " ('", file, "', ", content,
                      "), and a resume loads none by itself; give --plugin FILE.so again");
      TERSEGRAD_CHECK(loaded->version == version, "the run to resume used the plug-in '", name, "' ", version, ", not ", loaded->version,
                      " (a run goes on as it began)");
      if (loaded->content != content) {
        remarks.push_back(concat("plug-in '", name, "' ", version, " is another build than the run began with (", content, ", now ",
                                 loaded->content, "): its steps are the same bits only if its author kept them"));
      }
    }
  }
  return remarks;
}

}  // namespace tersegrad
