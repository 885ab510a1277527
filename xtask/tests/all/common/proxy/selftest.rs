//! That the instrument measures: see below.
