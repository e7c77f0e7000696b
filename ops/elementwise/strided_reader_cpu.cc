#include "ops/elementwise/strided_reader_cpu.h"

#include <algorithm>
#include <cstring>

namespace bitale {
namespace {

// Elements of one size are moved alike, whatever their type.
using Bytes1 __attribute__((may_alias)) = uint8_t;
using Bytes2 __attribute__((may_alias)) = uint16_t;
using Bytes4 __attribute__((may_alias)) = uint32_t;
using Bytes8 __attribute__((may_alias)) = uint64_t;

template <typename Word>
void copy_run(const Word* from, int64_t stride, int64_t count, Word* to) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(Word));
  } else if (stride == 0) {
    std::fill_n(to, count, *from);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
  }
}

template <typename Word>
void read_words(const Word* from, const Dims& dims, const Dims& strides, int64_t begin,
                int64_t count, Word* to) {
  const size_t last = dims.size() - 1;
  int64_t index[64];  // more axes than a broadcast mask has bits
  int64_t offset = 0;
  for (size_t axis = dims.size(); axis-- > 0;) {
    index[axis] = begin % dims[axis];
    begin /= dims[axis];
    offset += index[axis] * strides[axis];
  }
  while (true) {
    const int64_t run = std::min(count, dims[last] - index[last]);
    copy_run(from + offset, strides[last], run, to);
    to += run;
    count -= run;
    if (count == 0) return;
    offset -= index[last] * strides[last];
    index[last] = 0;
    for (size_t axis = last; axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < dims[axis]) break;
      offset -= dims[axis] * strides[axis];
      index[axis] = 0;
    }
  }
}

// Calls visitor with a null pointer to the word type of this size.
template <typename Visitor>
void visit_word(size_t element_size, Visitor&& visitor) {
  switch (element_size) {
    case 1:
      return visitor(static_cast<Bytes1*>(nullptr));
    case 2:
      return visitor(static_cast<Bytes2*>(nullptr));
    case 4:
      return visitor(static_cast<Bytes4*>(nullptr));
    default:
      return visitor(static_cast<Bytes8*>(nullptr));
  }
}

}  // namespace

StridedReader::StridedReader(const OperandLayout& operand, const Dims& shape)
    : element_size_(size_of(operand.dtype)) {
  const size_t padding = shape.size() - operand.shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    const bool repeated = axis < padding || operand.shape[axis - padding] == 1;
    const int64_t stride = repeated ? 0 : operand.strides[axis - padding];
    if (!dims_.empty() && strides_.back() == stride * shape[axis]) {
      dims_.back() *= shape[axis];
      strides_.back() = stride;
    } else {
      dims_.push_back(shape[axis]);
      strides_.push_back(stride);
    }
  }
}

void StridedReader::read(const void* from, int64_t begin, int64_t count, void* to) const {
  visit_word(element_size_, [&](auto* word) {
    using Word = std::remove_pointer_t<decltype(word)>;
    const Word* source = static_cast<const Word*>(from);
    if (dims_.empty()) {
      std::memcpy(to, from, sizeof(Word));
    } else {
      read_words(source, dims_, strides_, begin, count, static_cast<Word*>(to));
    }
  });
}

void fill_elements(const void* from, size_t element_size, int64_t count, void* to) {
  visit_word(element_size, [&](auto* word) {
    using Word = std::remove_pointer_t<decltype(word)>;
    std::fill_n(static_cast<Word*>(to), count, *static_cast<const Word*>(from));
  });
}

}  // namespace bitale
