// Holds the place of the first op.
