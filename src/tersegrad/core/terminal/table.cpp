#include "tersegrad/core/terminal/table.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>

#include "tersegrad/core/error.hpp"

namespace tersegrad {
namespace {

constexpr std::size_t gap = 2;         // between two columns
constexpr std::size_t long_text = 24;  // a cell that is wider is prose, not a number

struct Range {
  std::uint32_t first, last;
};
// Unicode's combining marks, and its wide and full-width characters, by the blocks that hold them.
constexpr Range combining[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},
                               {0x064b, 0x065f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
                               {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};
constexpr Range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
                          {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
                          {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

bool is_in(std::uint32_t code, std::span<const Range> ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return range.first <= code && code <= range.last; });
}

/// Bytes of the UTF-8 character at `at`; one for what is none.
std::size_t length_at(const std::string& text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0xc0 || lead >= 0xf8 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i == text.size() || (static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 1;
  }
  return length;
}

std::size_t columns_at(const std::string& text, std::size_t at) {
  const std::size_t length = length_at(text, at);
  const auto lead = static_cast<unsigned char>(text[at]);
  if (length == 1) return 1;
  std::uint32_t code = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
  return is_in(code, combining) ? 0 : is_in(code, wide) ? 2 : 1;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; (begin = text.find_first_not_of(' ', begin)) != std::string::npos;) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::size_t longest_word(const std::string& text) {
  std::size_t longest = 0;
  for (const auto& word : words_of(text)) longest = std::max(longest, display_columns(word));
  return longest;
}

/// How narrow a column may become, step by step.
struct Column {
  std::size_t width = 0;  ///< as it is
  std::size_t whole_cells = 0, whole_words = 0;
  bool prose = false;
};

/// The table's columns `chosen`, laid out.
class Layout {
 public:
  Layout(const std::vector<std::vector<std::string>>& rows, std::vector<std::size_t> chosen)
      : rows_(rows), chosen_(std::move(chosen)), columns_(chosen_.size()) {
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      for (std::size_t c = 0; c < chosen_.size(); ++c) {
        const std::string& cell = rows_[r][chosen_[c]];
        const std::size_t size = display_columns(cell), word = longest_word(cell);
        const bool wraps = r == 0 || size > long_text || chosen_[c] == 0;
        columns_[c].prose = columns_[c].prose || (r > 0 && wraps);
        columns_[c].width = std::max(columns_[c].width, size);
        columns_[c].whole_words = std::max(columns_[c].whole_words, wraps ? word : size);
        columns_[c].whole_cells = std::max(columns_[c].whole_cells, r == 0 ? word : size);
      }
    }
  }

  /// Narrows headings, then long texts. \return whether it fits
  bool fit(std::size_t width) {
    return narrow(width, [](const Column& column) { return column.whole_cells; }) ||
           narrow(width, [](const Column& column) {
             return std::min(column.width, std::max<std::size_t>(column.whole_words, 8));
           });
  }
  /// The same, and breaks words, numbers last.
  void squeeze(std::size_t width) {
    fit(width) ||
        narrow(width, [](const Column& column) { return std::min(column.width, column.prose ? 6 : column.width); }) ||
        narrow(width, [](const Column&) { return std::size_t{6}; }) ||
        narrow(width, [](const Column&) { return std::size_t{1}; });
  }

  std::string str() const {
    std::string text;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      text += row(r);
      if (r > 0) continue;
      for (std::size_t i = 0; i < total(); ++i) text += "─";
      text += "\n";
    }
    return text;
  }

 private:
  std::size_t total() const {
    std::size_t sum = gap * (columns_.size() - 1);
    for (const auto& column : columns_) sum += column.width;
    return sum;
  }

  /// Takes from the widest column first, from none below its `least`.
  template <class Least>
  bool narrow(std::size_t width, Least least) {
    while (total() > width) {
      Column* widest = nullptr;
      for (auto& column : columns_) {
        if (column.width > least(column) && (widest == nullptr || column.width > widest->width)) widest = &column;
      }
      if (widest == nullptr) return false;
      --widest->width;
    }
    return true;
  }

  std::string row(std::size_t r) const {
    std::vector<std::vector<std::string>> cells;
    std::size_t lines = 1;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      cells.push_back(wrapped(rows_[r][chosen_[c]], columns_[c].width));
      lines = std::max(lines, cells.back().size());
    }
    std::string text;
    for (std::size_t i = 0; i < lines; ++i) {
      std::string line;
      for (std::size_t c = 0; c < columns_.size(); ++c) {
        // Headings stand on the rule; what wraps below it begins with its row.
        const std::size_t above = r == 0 ? lines - cells[c].size() : 0;
        const std::string cell = i >= above && i - above < cells[c].size() ? cells[c][i - above] : "";
        const std::string padding(columns_[c].width - std::min(columns_[c].width, display_columns(cell)), ' ');
        line += c == 0 ? cell + padding : std::string(gap, ' ') + padding + cell;
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

  const std::vector<std::vector<std::string>>& rows_;
  std::vector<std::size_t> chosen_;
  std::vector<Column> columns_;
};

}  // namespace

std::size_t display_columns(const std::string& text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size(); at += length_at(text, at)) columns += columns_at(text, at);
  return columns;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  if (display_columns(text) <= width) return {text};
  width = std::max<std::size_t>(width, 1);
  indent = std::min(indent, width / 2);
  std::vector<std::string> lines{std::string(std::min(text.find_first_not_of(' '), width / 2), ' ')};
  std::size_t used = lines.back().size();
  bool empty = true;
  const auto next_line = [&] {
    lines.emplace_back(indent, ' ');
    used = indent;
    empty = true;
  };
  for (const auto& word : words_of(text)) {
    const std::size_t size = display_columns(word);
    if (!empty && used + 1 + size > width) next_line();
    if (!empty) lines.back() += ' ', ++used;
    for (std::size_t at = 0; at < word.size(); at += length_at(word, at)) {
      const std::size_t more = columns_at(word, at);
      if (used + more > width && !empty) next_line();
      lines.back() += word.substr(at, length_at(word, at));
      used += more;
      empty = false;
    }
  }
  return lines;
}

std::string paragraph(const std::string& text, std::size_t width, std::size_t indent) {
  std::string all;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    for (const auto& line : wrapped(text.substr(begin, end - begin), width, indent)) all += line + "\n";
    begin = end + 1;
  }
  return all;
}

std::string hanging(const std::string& label, const std::string& text, std::size_t width) {
  const std::size_t used = display_columns(label);
  if (display_columns(text) + used <= width) return label + text + "\n";
  if (used > width / 2) return paragraph(label, width, 4) + paragraph("    " + text, width, 4);
  std::string all = label;
  for (const auto& line : wrapped(text, width - used)) {
    all += (all.size() == label.size() ? "" : std::string(used, ' ')) + line + "\n";
  }
  return all;
}

std::string fit_table(const std::vector<std::vector<std::string>>& rows, std::size_t width) {
  std::vector<std::size_t> left(rows.front().size());
  std::iota(left.begin(), left.end(), 0);
  std::string text;
  while (!left.empty()) {
    // As many of the columns as fit beside the first.
    std::size_t count = left.size();
    std::vector<std::size_t> chosen;
    for (; count > 0; --count) {
      chosen.assign(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(count));
      if (chosen.front() != 0) chosen.insert(chosen.begin(), 0);
      if (chosen.size() <= 2 || Layout(rows, chosen).fit(width)) break;
    }
    Layout layout(rows, chosen);
    layout.squeeze(width);
    text += (text.empty() ? "" : "\n") + layout.str();
    left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(count, 1)));
  }
  return text;
}

void TextTable::add(std::vector<std::string> row) {
  TERSEGRAD_ASSERT(row.size() == rows_.front().size(), "a table row has ", row.size(),
                  " cells where the heading has ", rows_.front().size());
  rows_.push_back(std::move(row));
}

std::string TextTable::str() const { return fit_table(rows_, output_columns()); }

}  // namespace tersegrad
