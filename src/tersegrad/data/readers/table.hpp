// Data sets of tables: real features in columns, the class in the last one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tersegrad/data/dataset.hpp"
#include "tersegrad/data/readers/csv.hpp"

namespace tersegrad {

/// A data set of a table whose last column is the class.
///
/// The table has no test split of its own: a fifth of its rows, drawn by source.seed, is it (split.hpp). Features are
/// standardised: (value − mean)/deviation with the column's mean and standard deviation over the training split, before
/// it is cut to source.samples rows; a constant column becomes zeros.
/// \param origin  what errors call the table
/// \throws Error naming the row whose class is not one of 0 … class_names.size() − 1, or if source.samples is more
///         than there is
std::unique_ptr<Dataset> make_table_dataset(const std::string& name, const std::vector<std::string>& class_names,
                                            const NumberTable& table, const ByteStream& origin,
                                            const DataSource& source);

}  // namespace tersegrad
