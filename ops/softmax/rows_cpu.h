// Rows of softmax and its relatives in vector code, chosen at run time for the machine.

#ifndef BITALE_OPS_SOFTMAX_ROWS_CPU_H_
#define BITALE_OPS_SOFTMAX_ROWS_CPU_H_

#include <cstdint>

namespace bitale::softmax_rows {

enum class Task : uint8_t {
  kSoftmax,           // out = softmax(a)
  kLogSoftmax,        // out = log_softmax(a)
  kSoftmaxGrad,       // out = b * (a - sum(a * b))
  kLogSoftmaxGrad,    // out = a - exp(b) * sum(a)
  kCrossentropy,      // out[row] = -log_softmax(a)[row, labels[row]]
  kCrossentropyGrad,  // out = b[row] * (softmax(a) - onehot(labels[row]))
};

struct Rows {
  Task task;
  bool is_double;  // else float
  const void* a;
  const void* b;
  const int64_t* labels;  // within [0, length)
  void* out;              // may be `a` or `b`
  int64_t length;         // of a row; positive
};

// Computes rows [begin, end).
void run(const Rows& rows, int64_t begin, int64_t end);

}  // namespace bitale::softmax_rows

#endif  // BITALE_OPS_SOFTMAX_ROWS_CPU_H_
