// The tutorial's logistic_sgd: logistic regression, trained on MNIST by stochastic gradient
// descent.
//
// The network itself, in the tutorial's order, is in models/networks/softmax_regression.cc.

#include "absl/strings/str_format.h"
#include "models/program/program.h"

namespace {

std::string last_lines(const bitale::TrainingResult& result) {
  const bitale::EarlyStopping& best = result.state.early_stopping;
  return absl::StrFormat(
      "Optimization complete with best validation score of %f %%, with test performance %f %%\n"
      "The code run for %d epochs, with %f epochs/sec\n"
      "The code for file logistic_sgd.cc ran for %.1fs\n",
      best.best_validation_error * 100, best.test_error * 100, result.epochs,
      static_cast<double>(result.epochs) / result.seconds, result.seconds);
}

}  // namespace

int main(int argc, char** argv) {
  return bitale::run_program(
      {.name = "logistic_sgd",
       .purpose = "trains logistic regression on MNIST, as the tutorial "
                  "does",
       .defaults = {.learning_rate = 0.13, .n_epochs = 1000, .batch_size = 600, .patience = 5000},
       .build = bitale::softmax_regression,
       .last_lines = last_lines},
      argc, argv);
}
