"""The op families: folders of ops/ whose BUILD file is op_family()."""

OP_FAMILIES = [
    "conv",
    "control",
    "creation",
    "elementwise",
    "epilogue",
    "gradient_control",
    "indexing",
    "linalg",
    "pool",
    "random",
    "reduction",
    "shape",
    "skeleton",
    "softmax",
]
