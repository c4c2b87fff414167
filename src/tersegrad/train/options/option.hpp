// One option of `tersegrad train`: everything that the program knows of it, in one place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tersegrad/train/options/model_kind.hpp"
#include "tersegrad/train/options/option_field.hpp"

namespace tersegrad {

/// A way in which an option that is given changes nothing: somebody who gives it means something by it.
struct Unused {
  bool (*when)(const TrainConfig&);  ///< given, with this configuration: without effect
  const char* why;
  bool harmless = false;  ///< said; what is not is refused: a run without the option is hardly what was meant
  std::string (*which)(const TrainConfig&) = nullptr;  ///< of a list, the items without effect; the others are used
};

/// An entry of the table of options (option_table.hpp). A new option is one entry there and a member of TrainConfig: the
/// command line, its help, run.h5's attributes, the lines that a checkpoint keeps, what a resumed run may change and what
/// is refused all come from it.
struct Option {
  std::string name;                 ///< without dashes: noise-batch
  std::string help;                 ///< what it is, with unit and special values; one line
  std::string unit = {};            ///< of the kept value: "rows", "steps", "s"; "" for none
  OptionField field;
  std::string fallback = {};        ///< what it is where it is not given, as a text; "": as in TrainConfig
  std::string without_value = {};   ///< what `--name` alone means; "": it needs a value
  char letter = 0;                  ///< -h

  /// Its place among the lines that a checkpoint keeps and the attributes of run.h5, from 1; 0: it is kept by neither. It
  /// never changes, as files have it; a new option takes the next one.
  int line = 0;
  bool in_run_file = true;          ///< of an option with a line: an attribute of run.h5 as well

  /// Whether a run may go on with another value of it: it changes neither the trajectory nor the log, or extends it.
  bool may_differ = false;
  std::optional<ModelKind> only_for = {};  ///< refused where it is given for a model of the other kind
  const char* other_kind = nullptr;        ///< the text that it stands for there; null: it keeps its default
  void (*refuse_for_other_kind)(const TrainConfig&) = nullptr;  ///< given there: \throws Error; null: always, in a common text

  std::vector<Unused> unused = {};
  void (*fits)(const TrainConfig&) = nullptr;  ///< \throws Error where it contradicts other options

  std::string group = {};           ///< the heading of the help that it stands below; the table sets it

  bool is_for(ModelKind kind) const { return !only_for || *only_for == kind; }
  /// As the user spells it: --noise-batch.
  std::string spelling() const { return "--" + name; }
  /// As files spell it: noise_batch.
  std::string key() const;
  /// What it is where it is not given, as the command line's text; "" for none.
  std::string default_text() const;
  /// The place of its value in a synopsis: N, X, "on|off", DIR, "auto|N"; "" for a flag.
  std::string placeholder() const;
};

/// The name of the option that files know by this key.
std::string option_name(std::string key);

}  // namespace tersegrad
