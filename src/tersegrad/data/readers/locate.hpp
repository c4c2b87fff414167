// Where the files of a data set lie.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tersegrad/data/dataset.hpp"

namespace tersegrad {

/// What a data set needs on the disk.
struct DataFiles {
  std::string dataset;                          ///< its registered name, as launch/get-data knows it
  std::vector<std::string> folders;             ///< folders looked into below --data, beside the name itself
  std::vector<std::vector<std::string>> files;  ///< for each file the names it goes by, without ".gz", usual one first
  bool fetched = true;                          ///< whether launch/get-data knows it
};

/// Finds the files, each plain or as .gz, all in one folder: DIR/<name>, DIR/<name with _ for ->, the extra folders,
/// and DIR itself (the first that holds them all).
/// \return one path a file, in the order of `wanted.files`
/// \throws Error naming the first missing file, the folders looked into and the launch/get-data line that gets it
std::vector<std::filesystem::path> find_data_files(const DataSource& source, const DataFiles& wanted);

/// "download it again with launch/get-data mnist": what errors in a data set's files advise.
std::string download_advice(const DataSource& source, const std::string& dataset);

}  // namespace tersegrad
