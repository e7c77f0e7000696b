#include "core/graph/analysis_reader.h"

namespace bitale {

AnalysisReader::AnalysisReader(ShapeAnalysis& analysis, const Apply& apply)
    : analysis_(analysis), apply_(apply) {}

const Apply& AnalysisReader::apply() const { return apply_; }
IntExpr AnalysisReader::dim(size_t input, size_t axis) {
  return analysis_.dims(apply_.input(input))[axis];
}
IntExpr AnalysisReader::value(size_t input, size_t element) {
  return analysis_.value(apply_.input(input), element);
}
bool AnalysisReader::has_value(size_t input) { return analysis_.has_value(apply_.input(input)); }

void AnalysisReader::set_dims(size_t, IntExprs) {}
void AnalysisReader::set_value(size_t, IntExprs) {}
void AnalysisReader::require_equal(IntExpr, IntExpr, const char*, const char*) {}
void AnalysisReader::require(IntExpr, const char*, const char*) {}

}  // namespace bitale
