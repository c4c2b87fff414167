// Which files of a folder are token shards, and of which split.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tersegrad {

/// The shards of a folder, each split's in the order of their names.
struct TokenFiles {
  std::vector<std::filesystem::path> train;
  std::vector<std::filesystem::path> test;
  std::vector<std::string> left_out;  ///< what looks as if it might belong to them and does not, each with the reason
};

/// Shards are *.bin and *.bin.gz (capitals are all the same); a file's split is a whole word of its name. Words are
/// what stands between characters other than letters and digits, without digits at their end: "train_000.bin" and
/// "fineweb-train2.bin" train, "retrieval_train.bin" too. `train` and `training` name the training split; `val`,
/// `valid`, `validation`, `eval` and `dev` the one to evaluate on, `test` and `testing` too where there is none of
/// those.
///
/// Left out: names that begin with '.' (what tools of a system leave, macOS's "._train.bin"), names without such a
/// word, names with one but another ending, `test` shards beside validation shards, x.bin.gz beside x.bin, a second
/// name of a file in the same split. Refused, because either choice could be the wrong one: a name with words of two
/// splits; one file under names of both splits (a link).
///
/// \throws Error for these, naming the files; if the folder cannot be read
TokenFiles find_token_files(const std::filesystem::path& folder);

}  // namespace tersegrad
