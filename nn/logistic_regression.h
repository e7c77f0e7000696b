// Multi-class logistic regression: softmax(dot(input, W) + b). The tutorial's LogisticRegression.

#ifndef BITALE_NN_LOGISTIC_REGRESSION_H_
#define BITALE_NN_LOGISTIC_REGRESSION_H_

#include <cstdint>
#include <optional>

#include "core/graph/operand.h"

namespace bitale {

struct LogisticRegressionOptions {
  int64_t n_in = 0;
  int64_t n_out = 0;
  // Shared variables to use instead of new ones that start as zeros: W (n_in, n_out), b (n_out,).
  std::optional<Variable> W = {};
  std::optional<Variable> b = {};
};

class LogisticRegression {
 public:
  // input: float (n, n_in). Errors as HiddenLayer's.
  LogisticRegression(const Variable& input, const LogisticRegressionOptions& options,
                     SourceSite site = SourceSite::current());

  // Class probabilities, (n, n_out).
  const Variable& p_y_given_x() const { return p_y_given_x_; }
  // The same, under the name that all layers share.
  const Variable& output() const { return p_y_given_x_; }
  // The most probable class, int64 (n,).
  const Variable& y_pred() const { return y_pred_; }
  const Variable& W() const { return W_; }
  const Variable& b() const { return b_; }
  // W, b.
  Variables params() const { return {W_, b_}; }

  // -mean(log(p_y_given_x)[arange(n), y]), a scalar. y: integer (n,). TypeError or ShapeError for
  // another y.
  Variable negative_log_likelihood(const Variable& y,
                                   SourceSite site = SourceSite::current()) const;
  // The share of rows whose y_pred differs from y, a scalar of floatX. Errors as above.
  Variable errors(const Variable& y, SourceSite site = SourceSite::current()) const;

 private:
  Variable W_;
  Variable b_;
  Variable p_y_given_x_;
  Variable y_pred_;
};

}  // namespace bitale

#endif  // BITALE_NN_LOGISTIC_REGRESSION_H_
