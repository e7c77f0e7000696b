// How the nodes of map are put together: for the builder and for its derivatives.

#ifndef BITALE_OPS_CONTROL_MAP_INTERNAL_H_
#define BITALE_OPS_CONTROL_MAP_INTERNAL_H_

#include "core/graph/variable.h"

namespace bitale::loops {

// New inputs that stand for an element of each sequence, then for each non-sequence. ShapeError for
// no sequence, or a scalar one.
Variables make_elements(const Variables& sequences, const Variables& non_sequences,
                        SourceSite site);

// The map of `outputs` of `elements`. Whatever else the outputs depend on becomes a non-sequence;
// host integers that follow from shapes alone are computed inside, so that inner dims are known
// from dims.
Variables make_map(const Variables& elements, const Variables& outputs, const Variables& sequences,
                   const Variables& non_sequences, SourceSite site);

}  // namespace bitale::loops

#endif  // BITALE_OPS_CONTROL_MAP_INTERNAL_H_
