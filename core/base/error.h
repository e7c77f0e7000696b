// The exceptions that graph building, compiling and calling throw.
//
// File and data loading does not throw: it returns absl::StatusOr. Every message states what is
// wrong in its first line, then the op, its operands and the user's own source lines, then a hint
// where a fix is known, in at most kMaxErrorLines lines.

#ifndef BITALE_CORE_BASE_ERROR_H_
#define BITALE_CORE_BASE_ERROR_H_

#include <stdexcept>
#include <string>
#include <string_view>

namespace bitale {

inline constexpr int kMaxErrorLines = 25;

// Root of the hierarchy.
class Error : public std::runtime_error {
 public:
  // `message` is cut to kMaxErrorLines lines.
  explicit Error(std::string_view message);
};

// The graph that the user is building is wrong.
class GraphError : public Error {
 public:
  using Error::Error;
};
// A dtype or a kind of variable does not fit.
class TypeError : public GraphError {
 public:
  using GraphError::GraphError;
};
// Ranks or dims do not fit, when building or at a call.
class ShapeError : public GraphError {
 public:
  using GraphError::GraphError;
};
// A gradient cannot be formed: disconnected, not scalar, undefined.
class GradientError : public GraphError {
 public:
  using GraphError::GraphError;
};

// `function` cannot compile the graph: a missing kernel, unused inputs, a failed invariant.
class CompileError : public Error {
 public:
  using Error::Error;
};

// A compiled function failed while it ran.
class ExecutionError : public Error {
 public:
  using Error::Error;
};
// A device reported an error.
class DeviceError : public ExecutionError {
 public:
  using ExecutionError::ExecutionError;
};
// Memory for a call could not be had.
class OutOfMemoryError : public ExecutionError {
 public:
  using ExecutionError::ExecutionError;
};
// NaN or infinity where a guard forbids it.
class NonFiniteError : public ExecutionError {
 public:
  using ExecutionError::ExecutionError;
};

}  // namespace bitale

#endif  // BITALE_CORE_BASE_ERROR_H_
