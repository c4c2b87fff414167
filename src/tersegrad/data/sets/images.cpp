#include "tersegrad/data/sets/images.hpp"

#include <array>
#include <cassert>

#include "tersegrad/data/split.hpp"

namespace tersegrad {
namespace {

/// The 256 normalised values of each channel.
using Levels = std::vector<std::array<float, 256>>;

Levels make_levels(const ImageFormat& format) {
  Levels levels(format.mean.size());
  for (std::size_t channel = 0; channel < levels.size(); ++channel) {
    for (std::size_t pixel = 0; pixel < 256; ++pixel) {
      levels[channel][pixel] =
          static_cast<float>((static_cast<double>(pixel) / 255 - format.mean[channel]) / format.deviation[channel]);
    }
  }
  return levels;
}

class ImageExamples final : public Examples {
 public:
  ImageExamples(const ImageFormat& format, LabelledImages images)
      : plane_(static_cast<std::size_t>(format.shape[1] * format.shape[2])),
        levels_(make_levels(format)),
        images_(std::move(images)) {
    assert(images_.pixels.size() == images_.labels.size() * levels_.size() * plane_);
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(images_.labels.size()); }

  void features(std::span<const std::int64_t> rows, std::span<float> out) const override {
    const std::size_t row_size = levels_.size() * plane_;
    assert(out.size() == rows.size() * row_size);
    float* to = out.data();
    for (const std::int64_t row : rows) {
      assert(row >= 0 && row < size());
      const std::uint8_t* from = images_.pixels.data() + static_cast<std::size_t>(row) * row_size;
      for (const auto& level : levels_) {
        for (std::size_t i = 0; i < plane_; ++i) *to++ = level[*from++];
      }
    }
  }

  std::int64_t label(std::int64_t row) const override {
    assert(row >= 0 && row < size());
    return images_.labels[static_cast<std::size_t>(row)];
  }

 private:
  std::size_t plane_;
  Levels levels_;
  LabelledImages images_;
};

LabelledImages selected(LabelledImages all, const std::vector<std::int64_t>& rows) {
  const std::size_t row_size = all.pixels.size() / all.labels.size();
  LabelledImages some;
  some.pixels.reserve(rows.size() * row_size);
  some.labels.reserve(rows.size());
  for (const std::int64_t row : rows) {
    const auto begin = all.pixels.begin() + row * static_cast<std::int64_t>(row_size);
    some.pixels.insert(some.pixels.end(), begin, begin + static_cast<std::int64_t>(row_size));
    some.labels.push_back(all.labels[static_cast<std::size_t>(row)]);
  }
  return some;
}

class ImageDataset final : public Dataset {
 public:
  ImageDataset(const ImageFormat& format, LabelledImages train, LabelledImages test)
      : format_(format), train_(format, std::move(train)), test_(format, std::move(test)) {}
  std::string name() const override { return format_.name; }
  std::vector<std::int64_t> shape() const override { return format_.shape; }
  std::int64_t classes() const override { return static_cast<std::int64_t>(format_.class_names.size()); }
  std::vector<std::string> class_names() const override { return format_.class_names; }
  const Examples& train() const override { return train_; }
  const Examples& test() const override { return test_; }

 private:
  ImageFormat format_;
  ImageExamples train_;
  ImageExamples test_;
};

}  // namespace

std::unique_ptr<Dataset> make_image_dataset(const ImageFormat& format, LabelledImages train, LabelledImages test,
                                            const DataSource& source) {
  const auto rows = static_cast<std::int64_t>(train.labels.size());
  const auto sample = sample_rows(rows, source.samples, source.seed, format.name);
  if (source.samples != 0) train = selected(std::move(train), sample);
  return std::make_unique<ImageDataset>(format, std::move(train), std::move(test));
}

}  // namespace tersegrad
