// The tutorial's mlp: one hidden layer with L1 and L2 terms, trained on MNIST by stochastic
// gradient descent.
//
// The network itself, in the tutorial's order, is in models/networks/multilayer_perceptron.cc.

#include "absl/strings/str_format.h"
#include "models/program/program.h"

namespace {

std::string last_lines(const bitale::TrainingResult& result) {
  const bitale::EarlyStopping& best = result.state.early_stopping;
  return absl::StrFormat(
      "Optimization complete. Best validation score of %f %% obtained at iteration %d, with test "
      "performance %f %%\n"
      "The code for file mlp.cc ran for %.2fm\n",
      best.best_validation_error * 100, best.best_iteration + 1, best.test_error * 100,
      result.seconds / 60);
}

}  // namespace

int main(int argc, char** argv) {
  return bitale::run_program({.name = "mlp",
                              .purpose = "trains a multilayer perceptron on MNIST, as the tutorial "
                                         "does",
                              .defaults = {.learning_rate = 0.01,
                                           .n_epochs = 1000,
                                           .batch_size = 20,
                                           .n_hidden = 500,
                                           .L1_reg = 0.00,
                                           .L2_reg = 0.0001,
                                           .seed = 1234,
                                           .patience = 10000},
                              .model_flags = {"n_hidden", "L1_reg", "L2_reg", "seed"},
                              .build = bitale::multilayer_perceptron,
                              .last_lines = last_lines},
                             argc, argv);
}
