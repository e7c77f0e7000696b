// From a program's plan to what Function::memory() reports.

#ifndef BITALE_CORE_COMPILE_PROGRAM_MEMORY_H_
#define BITALE_CORE_COMPILE_PROGRAM_MEMORY_H_

#include "core/compile/memory_report.h"
#include "core/runtime/program.h"

namespace bitale {

MemoryReport memory_report(const Program& program);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_PROGRAM_MEMORY_H_
