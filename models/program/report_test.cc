#include "models/program/report.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/graph/inputs.h"
#include "core/graph/shared.h"
#include "models/program/bitmap.h"
#include "ops/elementwise/operators.h"
#include "ops/indexing/index.h"

namespace bitale {
namespace {

constexpr int64_t kBatchSize = 5;

// A network whose weights, answers and labels are given; two minibatches of blank images.
struct GivenRun {
  Network network;
  SharedSet test;
  TrainingResult result;

  GivenRun(const Tensor& first_weights, const std::vector<int64_t>& answers,
           const std::vector<int32_t>& labels) {
    const auto images = static_cast<int64_t>(labels.size());
    Variable index = lscalar("index");
    Variable given = shared(Tensor::from(answers, {images}), "answers");
    network.predict_test =
        function({index}, given[slice(index * kBatchSize, (index + 1) * kBatchSize)]);
    network.first_weights = shared(first_weights, "W");
    network.task.test_batches = images / kBatchSize;
    network.task.batch_size = kBatchSize;
    test = {shared(Tensor::zeros(DType::kFloat32, {images, 28 * 28}), "test_x"),
            shared(Tensor::from(labels, {images}), "test_y"), images};
    result.state.costs = {2.0, 1.0};
  }

  std::string html() const {
    return report_html({.title = "given",
                        .settings = "given batch_size=5",
                        .result = result,
                        .network = network,
                        .test = test});
  }
};

// A 3 is taken for a 5, and an 8 for a 1.
GivenRun run_with_weights(const Tensor& first_weights) {
  return GivenRun(first_weights, /*answers=*/{3, 3, 5, 5, 5, 8, 8, 8, 1, 0},
                  /*labels=*/{3, 3, 3, 5, 5, 8, 8, 8, 8, 0});
}

GivenRun some_run() { return run_with_weights(Tensor::ones(DType::kFloat32, {2, 1, 5, 5})); }

bool has(const std::string& html, const std::string& part) {
  return html.find(part) != std::string::npos;
}

// What the cells of a digit's row of the confusion matrix show.
std::vector<std::string> matrix_row(const std::string& html, int digit) {
  const size_t first = html.find("<tr><th>" + std::to_string(digit) + "</th>");
  if (first == std::string::npos) return {};
  const size_t last = html.find("</tr>", first);
  std::vector<std::string> cells;
  for (size_t at = html.find("<td", first); at < last; at = html.find("<td", at + 1)) {
    const size_t start = html.find('>', at) + 1;
    cells.push_back(html.substr(start, html.find("</td>", start) - start));
  }
  return cells;
}

TEST(Report, ShowsTheFiltersOfAConvolution) {
  Tensor weights = Tensor::zeros(DType::kFloat32, {3, 1, 5, 4});
  weights.at<float>({0, 0, 1, 2}) = 0.5f;
  weights.at<float>({2, 0, 4, 0}) = -0.5f;
  const std::string html = run_with_weights(weights).html();
  EXPECT_TRUE(has(html, "<h2>Weights of the first layer</h2>"));
  EXPECT_TRUE(has(html, "All 3 filters; grey is 0, white 0.5.")) << html;
  // Zero is mid-grey, the largest weight white, its opposite black; 50 pixels wide, as high as the
  // filter's shape asks.
  const Tensor zero = Tensor::full(DType::kUint8, {5, 4}, 127);
  const Tensor white_spot = zero.copy(), black_spot = zero.copy();
  white_spot.at<uint8_t>({1, 2}) = 255;
  black_spot.at<uint8_t>({4, 0}) = 0;
  const auto tag = [](const Tensor& levels, const char* name) {
    return "<img src=\"" + gray_bitmap_uri(levels) + "\" width=\"50\" height=\"62\" alt=\"" + name +
           "\">";
  };
  EXPECT_TRUE(has(html, tag(white_spot, "filter 0")));
  EXPECT_TRUE(has(html, tag(zero, "filter 1")));
  EXPECT_TRUE(has(html, tag(black_spot, "filter 2")));
  EXPECT_FALSE(has(html, "alt=\"filter 3\""));
}

TEST(Report, ShowsTheUnitsOfADenseLayerAsImages) {
  Tensor weights = Tensor::zeros(DType::kFloat32, {28 * 28, 101});
  weights.at<float>({2 * 28 + 3, 1}) = 0.25f;
  const std::string html = run_with_weights(weights).html();
  EXPECT_TRUE(has(html, "100 of 101 filters; grey is 0, white 0.25."));
  Tensor unit = Tensor::full(DType::kUint8, {28, 28}, 127);
  unit.at<uint8_t>({2, 3}) = 255;
  EXPECT_TRUE(has(html, gray_bitmap_uri(unit) + "\" width=\"56\" height=\"56\" alt=\"filter 1\">"));
  EXPECT_TRUE(has(html, "alt=\"filter 99\""));
  EXPECT_FALSE(has(html, "alt=\"filter 100\""));
}

TEST(Report, CountsAnswersByDigit) {
  const std::string html = some_run().html();
  EXPECT_TRUE(has(html, "<h2>Confusion matrix</h2>"));
  EXPECT_TRUE(has(html, "10 test images: rows are the digits, columns the answers."));
  using Row = std::vector<std::string>;
  const Row none(10, "");
  EXPECT_EQ(matrix_row(html, 0), (Row{"1", "", "", "", "", "", "", "", "", ""}));
  EXPECT_EQ(matrix_row(html, 1), none);
  EXPECT_EQ(matrix_row(html, 2), none);
  EXPECT_EQ(matrix_row(html, 3), (Row{"", "", "", "2", "", "1", "", "", "", ""}));
  EXPECT_EQ(matrix_row(html, 4), none);
  EXPECT_EQ(matrix_row(html, 5), (Row{"", "", "", "", "", "2", "", "", "", ""}));
  EXPECT_EQ(matrix_row(html, 6), none);
  EXPECT_EQ(matrix_row(html, 7), none);
  EXPECT_EQ(matrix_row(html, 8), (Row{"", "1", "", "", "", "", "", "", "3", ""}));
  EXPECT_EQ(matrix_row(html, 9), none);
}

TEST(Report, ShowsTheMisclassifiedDigits) {
  const std::string html = some_run().html();
  EXPECT_TRUE(has(html, "All 2: the digit, and the answer."));
  EXPECT_TRUE(has(html, "alt=\"test image 2\"><figcaption>3 &rarr; 5</figcaption>"));
  EXPECT_TRUE(has(html, "alt=\"test image 8\"><figcaption>8 &rarr; 1</figcaption>"));
}

TEST(Report, DrawsErrorsOnceThereWasAValidation) {
  GivenRun run = some_run();
  EXPECT_TRUE(has(run.html(), "<h2>Cost of each minibatch</h2>"));
  EXPECT_FALSE(has(run.html(), "<h2>Errors"));
  run.result.state.validation_errors = {{1, 0.5}};
  run.result.state.test_errors = {{1, 0.25}};
  run.result.state.early_stopping.best_validation_error = 0.5;
  run.result.state.early_stopping.test_error = 0.25;
  EXPECT_TRUE(has(run.html(), "<h2>Errors"));
  EXPECT_TRUE(has(run.html(), "<b>50.00 %</b><span class=\"sub\">best validation error</span>"));
  EXPECT_TRUE(has(run.html(), "<b>25.00 %</b><span class=\"sub\">test error at that point</span>"));
}

TEST(Report, SaysWhetherTheRunWasInterrupted) {
  GivenRun run = some_run();
  EXPECT_TRUE(has(run.html(), "Complete run"));
  run.result.interrupted = true;
  EXPECT_TRUE(has(run.html(), "Interrupted run"));
}

}  // namespace
}  // namespace bitale
