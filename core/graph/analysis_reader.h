// Dims and values of one Apply's inputs, as a ShapeAnalysis knows them.

#ifndef BITALE_CORE_GRAPH_ANALYSIS_READER_H_
#define BITALE_CORE_GRAPH_ANALYSIS_READER_H_

#include "core/graph/shape_analysis.h"

namespace bitale {

// States nothing itself: what a view op's view() sees.
class AnalysisReader : public ShapeContext {
 public:
  AnalysisReader(ShapeAnalysis& analysis, const Apply& apply);

  const Apply& apply() const override;
  IntExpr dim(size_t input, size_t axis) override;
  IntExpr value(size_t input, size_t element) override;
  bool has_value(size_t input) override;
  void set_dims(size_t output, IntExprs dims) override;
  void set_value(size_t output, IntExprs elements) override;
  void require_equal(IntExpr a, IntExpr b, const char* what, const char* hint) override;
  void require(IntExpr condition, const char* what, const char* hint) override;

 protected:
  ShapeAnalysis& analysis_;
  const Apply& apply_;
};

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_ANALYSIS_READER_H_
