// --report: one HTML file that says how a run went.

#ifndef BITALE_MODELS_PROGRAM_REPORT_H_
#define BITALE_MODELS_PROGRAM_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "models/networks/network.h"
#include "models/training/data_set.h"

namespace bitale {

struct ReportContents {
  std::string title;
  std::string settings;  // "name=value ...", after the program's name
  const TrainingResult& result;
  const Network& network;
  const SharedSet& test;
};

// Curves of cost and errors, filters of the first layer, confusion matrix and misclassified digits
// of the test set with the weights as they are now, as HTML that refers to nothing outside itself.
std::string report_html(const ReportContents& contents);

// Writes report_html() to `path`. NotFound if that cannot be written.
absl::Status write_report(const std::string& path, const ReportContents& contents);

}  // namespace bitale

#endif  // BITALE_MODELS_PROGRAM_REPORT_H_
