// Curves as inline SVG.

#ifndef BITALE_MODELS_PROGRAM_CURVE_H_
#define BITALE_MODELS_PROGRAM_CURVE_H_

#include <string>
#include <vector>

namespace bitale {

struct Point {
  double x = 0;
  double y = 0;
};

struct Curve {
  std::string color;  // a CSS variable: "--cost"
  std::vector<Point> points;
};

// The curves over common axes that hold all finite points; `logarithmic`: y by powers of ten, where
// all points are positive. Long curves are thinned to the smallest and largest y of each of some
// hundred steps, so that no peak is lost.
std::string curve_svg(const std::vector<Curve>& curves, const std::string& x_label,
                      const std::string& y_label, bool logarithmic);

}  // namespace bitale

#endif  // BITALE_MODELS_PROGRAM_CURVE_H_
