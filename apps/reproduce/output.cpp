#include "apps/reproduce/output.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "apps/common/launch_script.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/system/file.hpp"
#include "tersegrad/core/terminal/table.hpp"
#include "tersegrad/core/text/text.hpp"
#include "tersegrad/log/hdf5/hdf5_file.hpp"

namespace tersegrad {
namespace {

using Json = nlohmann::ordered_json;

const char* text_of(Verdict verdict) {
  return verdict == Verdict::holds ? "holds" : verdict == Verdict::fails ? "fails" : "inconclusive";
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(format_number(value)); }

void write_panel(Hdf5File& file, const std::string& path, const Panel& panel) {
  file.create_group(path);
  file.set_attribute(path, "title", panel.title);
  file.set_attribute(path, "x_label", panel.x_label);
  file.set_attribute(path, "y_label", panel.y_label);
  file.set_attribute(path, "log_x", panel.log_x);
  file.set_attribute(path, "log_y", panel.log_y);
  int index = 0;
  for (const auto& curve : panel.curves) {
    const std::string at = concat(path, "/curve", index++);
    file.create_group(at);
    file.set_attribute(at, "label", curve.label);
    file.set_attribute(at, "style", curve.style);
    file.set_attribute(at, "group", curve.group);
    file.write<double>(at + "/x", curve.x);
    file.write<double>(at + "/y", curve.y);
    if (!curve.error.empty()) file.write<double>(at + "/error", curve.error);
  }
  index = 0;
  for (const auto& box : panel.boxes) {
    const std::string at = concat(path, "/box", index++);
    file.create_group(at);
    file.set_attribute(at, "label", box.label);
    file.set_attribute(at, "group", box.group);
    file.write<double>(at + "/values", box.values);
  }
}

}  // namespace

void write_figure(const std::filesystem::path& folder, const std::string& name, const Figure& figure, Scale scale,
                  const FigureReport& report) {
  const std::string note = figure.scale_note ? figure.scale_note(scale) : "";
  const auto path = folder / "figure.h5";
  auto file = Hdf5File::create(partial_path(path));
  file.set_attribute("/", "title", figure.title);
  file.set_attribute("/", "choices", figure.caption);
  file.set_attribute("/", "note", note);
  int index = 0;
  for (const auto& panel : report.panels()) write_panel(file, concat("/panel", index++), *panel);
  file.close();
  commit_file(path);

  Json json{{"figure", name}, {"title", figure.title}, {"scale", scale == Scale::paper ? "paper" : "quick"}};
  json["choices"] = figure.caption;
  json["cut"] = note;
  json["rule"] = verdict_rule;
  json["claims"] = Json::array();
  for (const auto& claim : report.claims()) {
    json["claims"].push_back({{"claim", claim.text},
                              {"reference", claim.reference},
                              {"measured", number(claim.measured)},
                              {"standard_error", number(claim.error)},
                              {"relation", claim.relation},
                              {"predicted", number(claim.predicted)},
                              {"allowance", number(claim.allowance)},
                              {"z", number(claim.z)},
                              {"resolution", number(claim.resolution)},
                              {"derivation", claim.derivation},
                              {"verdict", text_of(claim.verdict())}});
    if (claim.opposite.has_value()) json["claims"].back()["p_of_the_opposite"] = number(*claim.opposite);
    if (!claim.unmet.empty()) json["claims"].back()["premise_not_met"] = claim.unmet;
  }
  write_file(folder / "report.json", json.dump(2) + "\n");
  run_python_script("plot-figure", {path.string(), "--out", (folder / "figure").string()});
}

namespace {

std::string measured_text(const Claim& claim) {
  return format_number(claim.measured) + (claim.error > 0 ? " ± " + format_number(claim.error, 2) : "");
}

std::string predicted_text(const Claim& claim) {
  return (claim.relation == "=" ? "" : claim.relation == "<=" ? "≤ " : "≥ ") + format_number(claim.predicted);
}

std::string complete_table(const std::vector<Claim>& claims, std::size_t width) {
  TextTable table(
      {"claim", "reference", "measured ± s.e.", "predicted", "allowance", "z·s.e.", "resolution", "verdict"});
  // How the numbers were derived stands below, once for all claims that have it in common.
  std::vector<std::string> notes;
  for (const auto& claim : claims) {
    auto note = std::find(notes.begin(), notes.end(), claim.derivation);
    if (note == notes.end()) note = notes.insert(note, claim.derivation);
    table.add({claim.text, claim.reference, measured_text(claim), predicted_text(claim),
               concat(format_number(claim.allowance, 2), " [", note - notes.begin() + 1, "]"),
               claim.error > 0 ? format_number(claim.z * claim.error, 2) : "", format_number(claim.resolution, 2),
               text_of(claim.verdict())});
  }
  std::string text = table.str() + paragraph(concat("Rule: ", verdict_rule), width, 2) + "Derivations:\n";
  for (std::size_t i = 0; i < notes.size(); ++i) {
    text += paragraph(concat("  [", i + 1, "] ", notes[i]), width, 6);
  }
  return text;
}

/// What a reader looks for first: what does not hold.
std::string brief_table(std::vector<Claim> claims) {
  const auto place = [](const Claim& claim) {
    const Verdict verdict = claim.verdict();
    return verdict == Verdict::fails ? 0 : verdict == Verdict::inconclusive ? 1 : 2;
  };
  std::stable_sort(claims.begin(), claims.end(),
                   [&](const Claim& a, const Claim& b) { return place(a) < place(b); });
  TextTable table({"claim", "measured ± s.e.", "predicted", "verdict"});
  for (const auto& claim : claims) {
    table.add({claim.text, measured_text(claim), predicted_text(claim), text_of(claim.verdict())});
  }
  return table.str();
}

}  // namespace

std::string claim_table(const std::vector<Claim>& claims, std::size_t width, bool complete) {
  std::string text = complete ? complete_table(claims, width) : brief_table(claims);
  for (const auto& claim : claims) {
    if (!claim.unmet.empty()) {
      text += paragraph(concat("Premise not met, ", claim.text, ": ", claim.unmet), width, 2);
    }
  }
  if (!complete) text += paragraph("--verbose: references, allowances, derivations and the rule; report.json has them too.", width, 2);
  return text;
}

}  // namespace tersegrad
