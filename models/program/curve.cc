#include "models/program/curve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bitale {
namespace {

constexpr double kWidth = 900, kHeight = 300;
constexpr double kLeft = 64, kRight = 16, kTop = 16, kBottom = 40;
constexpr size_t kSteps = 400;

struct Axes {
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  bool logarithmic = false;

  double scaled(double y) const { return logarithmic ? std::log10(y) : y; }
  double left(double x) const {
    return kLeft + (x - x_low) / (x_high - x_low) * (kWidth - kLeft - kRight);
  }
  double top(double y) const {
    return kTop + (y_high - scaled(y)) / (y_high - y_low) * (kHeight - kTop - kBottom);
  }
};

Axes axes_of(const std::vector<Curve>& curves, bool logarithmic) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double x_low = kInfinity, x_high = -kInfinity, y_low = kInfinity, y_high = -kInfinity;
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points) {
      if (!std::isfinite(point.y)) continue;
      x_low = std::min(x_low, point.x);
      x_high = std::max(x_high, point.x);
      y_low = std::min(y_low, point.y);
      y_high = std::max(y_high, point.y);
    }
  }
  if (!(x_low <= x_high)) return {};
  Axes axes{.x_low = x_low, .x_high = x_high, .logarithmic = logarithmic && y_low > 0};
  axes.y_low = axes.logarithmic ? std::log10(y_low) : std::min(y_low, 0.0);
  axes.y_high = axes.scaled(y_high);
  if (axes.x_high <= axes.x_low) axes.x_high = axes.x_low + 1;
  if (axes.y_high <= axes.y_low) axes.y_high = axes.y_low + 1;
  return axes;
}

// 1, 2 or 5 times a power of ten, so that about `count` of them cover `range`.
double round_step(double range, int count) {
  const double raw = range / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return factor * power;
  }
  return 10 * power;
}

// Multiples of a round step between two values.
std::vector<double> even_marks(double low, double high) {
  std::vector<double> marks;
  const double step = round_step(high - low, 5);
  for (double y = std::ceil(low / step) * step; y <= high; y += step) marks.push_back(y);
  return marks;
}

std::vector<double> y_marks(const Axes& axes) {
  if (!axes.logarithmic) return even_marks(axes.y_low, axes.y_high);
  // Within one power of ten, round values say more than 1, 2 and 5.
  if (axes.y_high - axes.y_low < 1) {
    return even_marks(std::pow(10, axes.y_low), std::pow(10, axes.y_high));
  }
  std::vector<double> marks;
  for (int power = static_cast<int>(std::floor(axes.y_low)); power <= axes.y_high; ++power) {
    const bool few = axes.y_high - axes.y_low < 2.5;
    for (double factor : few ? std::vector<double>{1, 2, 5} : std::vector<double>{1}) {
      const double y = factor * std::pow(10, power);
      if (std::log10(y) >= axes.y_low && std::log10(y) <= axes.y_high) marks.push_back(y);
    }
  }
  return marks;
}

std::string grid(const Axes& axes, const std::string& x_label, const std::string& y_label) {
  std::string svg;
  for (double y : y_marks(axes)) {
    absl::StrAppendFormat(&svg,
                          "<path d=\"M%.0f %.1fH%.0f\" stroke=\"var(--line)\"/>"
                          "<text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%g</text>",
                          kLeft, axes.top(y), kWidth - kRight, kLeft - 8, axes.top(y) + 4, y);
  }
  const double step = std::max(1.0, round_step(axes.x_high - axes.x_low, 8));
  for (double x = std::ceil(axes.x_low / step) * step; x <= axes.x_high; x += step) {
    absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%.0f</text>",
                          axes.left(x), kHeight - kBottom + 18, x);
  }
  absl::StrAppendFormat(
      &svg,
      "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%s</text>"
      "<text transform=\"translate(14 %.0f) rotate(-90)\" text-anchor=\"middle\">%s</text>",
      kWidth - kRight, kHeight - 6, x_label, (kTop + kHeight - kBottom) / 2, y_label);
  return svg;
}

std::vector<Point> thinned(const std::vector<Point>& points) {
  if (points.size() <= 2 * kSteps) return points;
  std::vector<Point> kept;
  for (size_t step = 0; step < kSteps; ++step) {
    const auto first = points.begin() + static_cast<int64_t>(step * points.size() / kSteps);
    const auto last = points.begin() + static_cast<int64_t>((step + 1) * points.size() / kSteps);
    const auto [low, high] =
        std::minmax_element(first, last, [](const Point& a, const Point& b) { return a.y < b.y; });
    kept.push_back(low < high ? *low : *high);
    kept.push_back(low < high ? *high : *low);
  }
  return kept;
}

}  // namespace

std::string curve_svg(const std::vector<Curve>& curves, const std::string& x_label,
                      const std::string& y_label, bool logarithmic) {
  const Axes axes = axes_of(curves, logarithmic);
  std::string svg =
      absl::StrFormat("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">", kWidth, kHeight);
  svg += grid(axes, x_label, y_label);
  for (const Curve& curve : curves) {
    std::string path;
    for (const Point& point : thinned(curve.points)) {
      if (!std::isfinite(point.y)) continue;
      absl::StrAppendFormat(&path, "%c%.1f %.1f", path.empty() ? 'M' : 'L', axes.left(point.x),
                            axes.top(point.y));
    }
    absl::StrAppendFormat(&svg,
                          "<path d=\"%s\" fill=\"none\" stroke=\"var(%s)\" stroke-width=\"1.5\" "
                          "stroke-linejoin=\"round\"/>",
                          path, curve.color);
  }
  return svg + "</svg>\n";
}

}  // namespace bitale
