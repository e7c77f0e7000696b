// The tutorial's convolutional_mlp: LeNet-5, trained on MNIST by stochastic gradient descent.
//
// The network itself, in the tutorial's order, is in models/networks/convolutional_network.cc.

#include "absl/strings/str_format.h"
#include "models/program/program.h"

namespace {

std::string last_lines(const bitale::TrainingResult& result) {
  const bitale::EarlyStopping& best = result.state.early_stopping;
  return absl::StrFormat(
      "Optimization complete.\n"
      "Best validation score of %f %% obtained at iteration %d, with test performance %f %%\n"
      "The code for file convolutional_mlp.cc ran for %.2fm\n",
      best.best_validation_error * 100, best.best_iteration + 1, best.test_error * 100,
      result.seconds / 60);
}

}  // namespace

int main(int argc, char** argv) {
  return bitale::run_program({.name = "convolutional_mlp",
                              .purpose = "trains LeNet-5 on MNIST, as the tutorial does",
                              .defaults = {.learning_rate = 0.1,
                                           .n_epochs = 200,
                                           .batch_size = 500,
                                           .nkerns = {20, 50},
                                           .seed = 23455,
                                           .patience = 10000},
                              .model_flags = {"nkerns", "seed"},
                              .build = bitale::convolutional_network,
                              .announce_iterations = true,
                              .last_lines = last_lines},
                             argc, argv);
}
