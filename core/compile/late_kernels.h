// Kernels of a device that is found, or made up, at run time: a plug-in's, or a test's.

#ifndef BITALE_CORE_COMPILE_LATE_KERNELS_H_
#define BITALE_CORE_COMPILE_LATE_KERNELS_H_

#include <span>

#include "core/compile/kernel_registry.h"

namespace bitale {

// Lets `device` have these kernels, besides those that registered before main, and instead of those
// of an earlier call. kernels_of() and choose_kernel() see them, all_kernels() does not. Not while
// functions compile.
void set_late_kernels(DeviceKind device, std::span<const KernelRegistration> kernels);

}  // namespace bitale

#endif  // BITALE_CORE_COMPILE_LATE_KERNELS_H_
