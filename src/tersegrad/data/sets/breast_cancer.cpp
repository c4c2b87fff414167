// Breast Cancer Wisconsin (Diagnostic), compiled into the program; source and terms in breast_cancer/README.md.
#include "tersegrad/data/readers/table.hpp"

namespace tersegrad {

/// breast_cancer/wdbc.csv; the build writes its definition (CMakeLists.txt of this folder).
extern const std::string_view breast_cancer_csv;

namespace {

std::unique_ptr<Dataset> make(const Arguments&, const DataSource& source) {
  const auto bytes =
      open_bytes("the embedded breast cancer table", "",
                 {reinterpret_cast<const std::uint8_t*>(breast_cancer_csv.data()), breast_cancer_csv.size()});
  constexpr std::int64_t features = 30;
  const auto table = read_csv(*bytes, Heading::present, features + 1);
  return make_table_dataset("breast-cancer", {"malignant", "benign"}, table, *bytes, source);
}

const Registration<Dataset, const DataSource&> registration{
    "breast-cancer",
    "cell nuclei of 569 tumours, 30 features, malignant or benign; built in, 80/20 split by seed",
    {},
    make};

[[maybe_unused]] const auto built_in = built_in_datasets().insert("breast-cancer");

}  // namespace

std::set<std::string>& built_in_datasets() {
  static std::set<std::string> names;
  return names;
}

}  // namespace tersegrad
