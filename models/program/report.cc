#include "models/program/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/graph/shared.h"
#include "models/program/bitmap.h"
#include "models/program/curve.h"
#include "models/program/summary.h"

namespace bitale {
namespace {

constexpr int64_t kClasses = 10;
constexpr int64_t kSide = 28;
constexpr size_t kShownDigits = 120;

constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title><style>
:root { color-scheme: light dark; --ink: light-dark(#1d2530, #e4e8ee);
  --soft: light-dark(#68727f, #98a3b1); --line: light-dark(#dde2e8, #2e3742);
  --paper: light-dark(#fbfcfd, #14181d); --card: light-dark(#ffffff, #1b2027);
  --cost: light-dark(#2b6cb0, #63a4e8); --valid: light-dark(#b7791f, #e0a93b);
  --test: light-dark(#c0392b, #f0796b); --good: 43, 138, 110; --bad: 205, 75, 60; }
body { margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 64rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2.4rem 0 .6rem; }
.sub, figcaption, th, .note { color: var(--soft); font-size: .85rem; }
.figures { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: 1.2rem; }
.figure, svg, .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.figure { padding: .6rem 1rem; min-width: 8rem; } .figure b { display: block; font-size: 1.35rem; }
svg { width: 100%%; height: auto; display: block; } svg text { fill: var(--soft); font-size: 11px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
td, th { padding: .25rem .7rem; text-align: left; font-weight: normal; }
td.n, th.n { text-align: right; } tr + tr td { border-top: 1px solid var(--line); }
table.matrix td { text-align: center; width: 2.2rem; padding: .3rem 0;
  border: 1px solid var(--line); }
.images { display: flex; flex-wrap: wrap; gap: .5rem; } figure { margin: 0; text-align: center; }
img { display: block; image-rendering: pixelated; border-radius: 4px; }
.scroll { overflow-x: auto; } .key { display: inline-block; width: .8rem; height: .2rem;
  margin: 0 .3rem 0 .8rem; vertical-align: middle; }
</style></head><body>
)";

std::string escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string image_tag(const Tensor& gray, int64_t width, const std::string& alt) {
  return absl::StrFormat("<img src=\"%s\" width=\"%d\" height=\"%d\" alt=\"%s\">",
                         gray_bitmap_uri(gray), width,
                         width * gray.dim(0) / std::max<int64_t>(gray.dim(1), 1), alt);
}

void append_figures(std::string& html, const ReportContents& contents) {
  const TrainingState& state = contents.result.state;
  const EarlyStopping& best = state.early_stopping;
  auto figure = [&](const std::string& value, const char* label) {
    absl::StrAppend(&html, "<div class=\"figure\"><b>", value, "</b><span class=\"sub\">", label,
                    "</span></div>");
  };
  html += "<div class=\"figures\">";
  if (!state.validation_errors.empty()) {
    figure(absl::StrFormat("%.2f %%", best.best_validation_error * 100), "best validation error");
    figure(absl::StrFormat("%.2f %%", best.test_error * 100), "test error at that point");
    figure(with_commas(best.best_iteration + 1), "minibatches to that point");
  }
  figure(with_commas(state.next_iteration), "minibatches trained");
  figure(absl::StrFormat("%.1f min", contents.result.seconds / 60), "run time");
  html += "</div>\n";
}

void append_curves(std::string& html, const TrainingState& state) {
  html += "<h2>Cost of each minibatch</h2>\n";
  std::vector<Point> cost;
  for (size_t i = 0; i < state.costs.size(); ++i) {
    cost.push_back({static_cast<double>(i), state.costs[i]});
  }
  html += curve_svg({{"--cost", std::move(cost)}}, "minibatch", "cost", true);
  if (state.validation_errors.empty()) return;
  auto percent = [](const std::vector<std::pair<int64_t, double>>& errors) {
    std::vector<Point> points;
    for (const auto& [iteration, error] : errors) {
      points.push_back({static_cast<double>(iteration), error * 100});
    }
    return points;
  };
  html +=
      "<h2>Errors<span class=\"sub\"><span class=\"key\" style=\"background:var(--valid)\"></span>"
      "validation<span class=\"key\" style=\"background:var(--test)\"></span>test, at each new best"
      "</span></h2>\n";
  html += curve_svg(
      {{"--valid", percent(state.validation_errors)}, {"--test", percent(state.test_errors)}},
      "minibatch", "error in %", true);
}

// Grey levels of one filter, mid-grey for 0 and white for the largest of all weights.
Tensor filter_levels(const Tensor& weights, double scale) {
  Tensor levels = Tensor::empty(DType::kUint8, weights.shape());
  const std::vector<double> values = weights.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    const double level = 127.5 + 127.5 * values[i] / scale;
    levels.data<uint8_t>()[i] = static_cast<uint8_t>(std::clamp(level, 0.0, 255.0));
  }
  return levels;
}

void append_filters(std::string& html, const Variable& first_weights) {
  constexpr int64_t kShownFilters = 100;
  const Tensor weights = get_value(first_weights);
  const bool dense = weights.rank() == 2;
  const int64_t filters = weights.dim(dense ? 1 : 0);
  double scale = 1e-12;
  for (double weight : weights.to_vector<double>()) {
    if (std::isfinite(weight)) scale = std::max(scale, std::abs(weight));
  }
  absl::StrAppend(&html, "<h2>Weights of the first layer</h2>\n<p class=\"note\">",
                  filters > kShownFilters ? absl::StrCat(kShownFilters, " of ", filters) : "All ",
                  filters > kShownFilters ? "" : absl::StrCat(filters),
                  " filters; grey is 0, white ", absl::StrFormat("%.3g", scale), ".</p>\n",
                  "<div class=\"images\">");
  for (int64_t i = 0; i < std::min(filters, kShownFilters); ++i) {
    const Tensor filter = dense ? weights.select(1, i).contiguous().reshape({kSide, kSide})
                                : weights.select(0, i).select(0, 0);
    html += image_tag(filter_levels(filter, scale), dense ? 56 : 50, absl::StrCat("filter ", i));
  }
  html += "</div>\n";
}

// Answers for as many test images as fill whole minibatches.
std::vector<int64_t> predictions(const TrainingTask& task, const Function& predict) {
  std::vector<int64_t> all;
  for (int64_t batch = 0; batch < task.test_batches; ++batch) {
    const std::vector<int64_t> some = predict(batch).only().to_vector<int64_t>();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

void append_matrix(std::string& html, const std::vector<int64_t>& guesses,
                   const std::vector<int64_t>& labels) {
  std::vector<int64_t> counts(kClasses * kClasses, 0);
  std::vector<int64_t> totals(kClasses, 0);
  for (size_t i = 0; i < guesses.size(); ++i) {
    ++counts[static_cast<size_t>(labels[i] * kClasses + guesses[i])];
    ++totals[static_cast<size_t>(labels[i])];
  }
  absl::StrAppend(&html, "<h2>Confusion matrix</h2>\n<p class=\"note\">", guesses.size(),
                  " test images: rows are the digits, columns the answers.</p>\n",
                  "<div class=\"scroll\"><table class=\"matrix\"><tr><th></th>");
  for (int64_t c = 0; c < kClasses; ++c) absl::StrAppend(&html, "<th>", c, "</th>");
  html += "</tr>\n";
  for (int64_t r = 0; r < kClasses; ++r) {
    absl::StrAppend(&html, "<tr><th>", r, "</th>");
    for (int64_t c = 0; c < kClasses; ++c) {
      const int64_t count = counts[static_cast<size_t>(r * kClasses + c)];
      const double share = static_cast<double>(count) / static_cast<double>(std::max<int64_t>(
                                                            totals[static_cast<size_t>(r)], 1));
      const double opacity = r == c ? 0.45 * share : std::min(0.75, 0.08 + 20 * share);
      absl::StrAppendFormat(&html, "<td style=\"background:rgba(var(--%s),%.2f)\">%s</td>",
                            r == c ? "good" : "bad", count == 0 ? 0.0 : opacity,
                            count == 0 ? "" : absl::StrCat(count));
    }
    html += "</tr>\n";
  }
  html += "</table></div>\n";
}

void append_misclassified(std::string& html, const std::vector<int64_t>& guesses,
                          const std::vector<int64_t>& labels, const Tensor& images) {
  std::vector<size_t> wrong;
  for (size_t i = 0; i < guesses.size(); ++i) {
    if (guesses[i] != labels[i]) wrong.push_back(i);
  }
  const size_t shown = std::min(wrong.size(), kShownDigits);
  absl::StrAppend(&html, "<h2>Misclassified digits</h2>\n<p class=\"note\">",
                  shown < wrong.size() ? absl::StrCat("The first ", shown, " of ", wrong.size())
                                       : absl::StrCat("All ", wrong.size()),
                  ": the digit, and the answer.</p>\n<div class=\"images\">");
  for (size_t i = 0; i < shown; ++i) {
    const size_t at = wrong[i];
    const std::vector<double> pixels =
        images.select(0, static_cast<int64_t>(at)).to_vector<double>();
    Tensor levels = Tensor::empty(DType::kUint8, {kSide, kSide});
    for (size_t p = 0; p < pixels.size(); ++p) {
      levels.data<uint8_t>()[p] = static_cast<uint8_t>(std::clamp(pixels[p] * 256, 0.0, 255.0));
    }
    absl::StrAppend(&html, "<figure>", image_tag(levels, 56, absl::StrCat("test image ", at)),
                    "<figcaption>", labels[at], " &rarr; ", guesses[at], "</figcaption></figure>");
  }
  html += "</div>\n";
}

void append_settings(std::string& html, const ReportContents& contents) {
  html +=
      "<h2>Layers</h2>\n<div class=\"scroll\"><table><tr><th>layer</th><th>kind</th>"
      "<th class=\"n\">parameters</th><th class=\"n\">multiply-adds per image</th></tr>\n";
  for (const LayerSummary& layer : contents.network.layers) {
    absl::StrAppend(&html, "<tr><td>", layer.name, "</td><td>", layer.kind, "</td><td class=\"n\">",
                    with_commas(layer.parameters), "</td><td class=\"n\">",
                    with_commas(layer.multiply_adds), "</td></tr>\n");
  }
  html += "</table></div>\n<h2>Settings</h2>\n<table>\n";
  const std::vector<std::string> items = absl::StrSplit(contents.settings, ' ');
  for (const std::string& item : items) {
    const std::vector<std::string> parts = absl::StrSplit(item, absl::MaxSplits('=', 1));
    if (parts.size() != 2) continue;
    absl::StrAppend(&html, "<tr><td class=\"sub\">", escaped(parts[0]), "</td><td>",
                    escaped(parts[1]), "</td></tr>\n");
  }
  html += "</table>\n";
}

}  // namespace

std::string report_html(const ReportContents& contents) {
  std::string html = absl::StrFormat(kHead, escaped(contents.title));
  absl::StrAppend(&html, "<h1>", escaped(contents.title), "</h1>\n<p class=\"sub\">",
                  contents.result.interrupted ? "Interrupted run" : "Complete run",
                  "; errors in percent of the images.</p>\n");
  append_figures(html, contents);
  append_curves(html, contents.result.state);
  append_filters(html, contents.network.first_weights);
  const TrainingTask& task = contents.network.task;
  const std::vector<int64_t> guesses = predictions(task, contents.network.predict_test);
  const std::vector<int64_t> labels =
      get_value(contents.test.y, /*borrow=*/true).to_vector<int64_t>();
  append_matrix(html, guesses, labels);
  append_misclassified(html, guesses, labels, get_value(contents.test.x, /*borrow=*/true));
  append_settings(html, contents);
  return html + "</body></html>\n";
}

absl::Status write_report(const std::string& path, const ReportContents& contents) {
  const std::string html = report_html(contents);
  std::ofstream file(path, std::ios::binary);
  file << html;
  file.close();
  if (file) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("cannot write the report ", path));
}

}  // namespace bitale
