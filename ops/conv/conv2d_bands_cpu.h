// How images, and the panels of filters that they are multiplied with, are cut for products by
// positions.

#ifndef BITALE_OPS_CONV_CONV2D_BANDS_CPU_H_
#define BITALE_OPS_CONV_CONV2D_BANDS_CPU_H_

#include <cstdint>

namespace bitale::conv2d_cpu {

// Some rows of one image, or all rows of some, with some of the panels.
struct Band {
  int64_t image, images;
  int64_t row, rows;
  int64_t panel, panels;
};

// A thread takes a band: its positions are enough for a product, and few enough that what belongs
// to them stays in a core's cache. Where there are few bands, each is taken by several threads,
// with panels of its own. Lengths alone decide.
class Bands {
 public:
  // Of images (batch, height, width) with `panels` panels, `multiplications` in all. `phases`: of
  // how many products the positions of a band are.
  Bands(int64_t batch, int64_t height, int64_t width, int64_t panels, double multiplications,
        int64_t phases = 1);

  // Rows are not cut: longer ones are not for bands.
  static constexpr int64_t kMostColumns = 512;

  int64_t count() const { return blocks_ * strips_ * shares_; }
  Band operator[](int64_t index) const;
  int64_t most_images() const { return images_; }
  int64_t most_rows() const { return rows_; }
  // Whether a band's results are all there is of its images.
  bool are_whole_images() const { return strips_ == 1 && shares_ == 1; }

 private:
  int64_t batch_, height_, panels_;
  int64_t rows_, strips_;    // of an image
  int64_t images_, blocks_;  // of the batch
  int64_t shares_;           // of the panels
};

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_BANDS_CPU_H_
