#include "core/base/options.h"

namespace bitale {

Options& options() {
  static Options instance;
  return instance;
}

}  // namespace bitale
